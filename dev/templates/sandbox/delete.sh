#!/bin/sh
# Deletes a workspace with all that is in it.
set -eu

home="${DORMOUSE_MACHINES:-$HOME/.dormouse/machines}/$DORMOUSE_WORKSPACE_ID"

echo "Removing $home"
[ ! -e "$home/machine.sh" ] || sh "$home/machine.sh" off
rm -rf "$home"
