#!/bin/sh
# Deletes a workspace with all that is in it.
set -eu

home="${DORMOUSE_MACHINES:-$HOME/.dormouse/machines}/$DORMOUSE_WORKSPACE_ID"

echo "Removing $home"
rm -rf "$home"
