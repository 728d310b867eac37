#!/bin/sh
# Starts a workspace: its machine is a directory, and what runs in it is the agent. What is printed becomes the log of the build.
set -eu

home="${DORMOUSE_MACHINES:-$HOME/.dormouse/machines}/$DORMOUSE_WORKSPACE_ID"

echo "Preparing the home of $DORMOUSE_WORKSPACE_NAME"
mkdir -p "$home"
echo "$DORMOUSE_PARAM_GREETING, $DORMOUSE_OWNER_USERNAME" >"$home/greeting"

echo "Handing the agent its token"
umask 077
printf '%s' "$CODER_AGENT_URL" >"$home/url"
printf '%s' "$DORMOUSE_AGENT_TOKEN" >"$home/agent-token"
cp machine.sh "$home/machine.sh"

# Started anew, or given to a person by a claim, the machine may run already: its agent then goes on with the new token.
echo "Switching the machine on"
sh "$home/machine.sh" on

case "$(uname -m)" in
  aarch64 | arm64) arch=arm64 ;;
  *) arch=amd64 ;;
esac

# What now exists, and what to remember of it until the next build.
cat >"$DORMOUSE_OUTPUT" <<JSON
{
  "resources": [
    {
      "type": "directory",
      "name": "home",
      "metadata": [{ "key": "path", "value": "$home" }],
      "agents": [
        { "name": "main", "os": "$(uname -s | tr '[:upper:]' '[:lower:]')", "arch": "$arch", "directory": "$home" }
      ]
    }
  ],
  "state": { "home": "$home" }
}
JSON
echo "Ready"
