#!/bin/sh
# The switch of a machine that is a directory: `on` runs its agent unless it runs, `off` ends it.
set -eu

cd "$(dirname "$0")"

# The number may be another process's by now: what it runs has to be the agent.
runs() {
  [ -s agent.pid ] && grep -qs agent "/proc/$(cat agent.pid)/cmdline"
}

case "${1:-}" in
  on)
    if [ ! -s agent-token ] || runs; then exit 0; fi
    if ! command -v curl >/dev/null; then
      echo "curl is not here, so that the agent cannot be run." >&2
      exit 0
    fi
    # A session of its own, so that it outlives the build that switched it on. It reads its token from the file, again whenever it is
    # given a new one.
    unset DORMOUSE_AGENT_TOKEN DORMOUSE_AGENT_TOKEN_MAIN CODER_AGENT_TOKEN
    export CODER_AGENT_TOKEN_FILE="$PWD/agent-token" DORMOUSE_AGENT_DIRECTORY="$PWD/.agent"
    setsid sh -c 'curl -fsSL --retry 9 --retry-connrefused "$1/api/v2/init-script/linux/amd64" >agent-init.sh && exec sh agent-init.sh' \
      agent "$(cat url)" >>agent.log 2>&1 </dev/null &
    echo $! >agent.pid
    ;;
  off)
    if ! runs; then exit 0; fi
    pid="$(cat agent.pid)"
    kill -TERM "$pid"
    # It runs the workspace's stop scripts and says goodbye first.
    waited=0
    while kill -0 "$pid" 2>/dev/null && [ "$waited" -lt 50 ]; do
      sleep 0.1
      waited=$((waited + 1))
    done
    kill -KILL "-$pid" 2>/dev/null || true
    rm -f agent.pid
    ;;
  *)
    echo "usage: machine.sh on|off" >&2
    exit 2
    ;;
esac
