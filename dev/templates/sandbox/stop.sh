#!/bin/sh
# Stops a workspace: its agent loses its token, its files stay.
set -eu

home="${DORMOUSE_MACHINES:-$HOME/.dormouse/machines}/$DORMOUSE_WORKSPACE_ID"

echo "Stopping $DORMOUSE_WORKSPACE_NAME because of $DORMOUSE_REASON"
rm -f "$home/agent-token"
