#!/bin/sh
# Stops a workspace: its machine is switched off and loses its token, its files stay.
set -eu

home="${DORMOUSE_MACHINES:-$HOME/.dormouse/machines}/$DORMOUSE_WORKSPACE_ID"

echo "Stopping $DORMOUSE_WORKSPACE_NAME because of $DORMOUSE_REASON"
[ ! -e "$home/machine.sh" ] || sh "$home/machine.sh" off
rm -f "$home/agent-token"
