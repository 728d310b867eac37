#!/bin/sh
# Switches a machine on: a folder with an agent that runs in it.
set -eu

echo "Preparing $MACHINE, size $SIZE"
mkdir -p "$MACHINE"
echo "$GREETING" >"$MACHINE/greeting"
umask 077
printf '%s' "$URL" >"$MACHINE/url"
printf '%s' "$TOKEN" >"$MACHINE/agent-token"
cp "$MODULE/machine.sh" "$MACHINE/machine.sh"
sh "$MACHINE/machine.sh" on
echo "Ready"
