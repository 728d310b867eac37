#!/bin/sh
# Starts a workspace: its machine is a directory. What is printed becomes the log of the build.
set -eu

home="${DORMOUSE_MACHINES:-$HOME/.dormouse/machines}/$DORMOUSE_WORKSPACE_ID"

echo "Preparing the home of $DORMOUSE_WORKSPACE_NAME"
mkdir -p "$home"
echo "$DORMOUSE_PARAM_GREETING, $DORMOUSE_OWNER_USERNAME" >"$home/greeting"

echo "Handing the agent its token"
umask 077
printf '%s' "$DORMOUSE_AGENT_TOKEN" >"$home/agent-token"

# What now exists, and what to remember of it until the next build.
cat >"$DORMOUSE_OUTPUT" <<JSON
{
  "resources": [
    {
      "type": "directory",
      "name": "home",
      "metadata": [{ "key": "path", "value": "$home" }],
      "agents": [{ "name": "main", "os": "linux", "arch": "amd64", "directory": "$home" }]
    }
  ],
  "state": { "home": "$home" }
}
JSON
echo "Ready"
