#!/bin/sh
# The Dormouse agent for machines without Node.js: everything but forwarding ports. Needs curl or wget, and awk.
set -u

url="${CODER_AGENT_URL:?CODER_AGENT_URL is not set}"
build_info="${url%/}/api/v2/buildinfo"
url="${url%/}/api/v2/workspaceagents/me"
token="${CODER_AGENT_TOKEN:-}"
[ -n "$token" ] || [ -n "${CODER_AGENT_TOKEN_FILE:-}" ] || { echo "CODER_AGENT_TOKEN is not set." >&2; exit 2; }
unset CODER_AGENT_TOKEN
version="v0.1.0"
report_seconds=25
work="$(mktemp -d "${TMPDIR:-/tmp}/dormouse-agent.XXXXXX")" || exit 1
watched=" $(printf '%s' "${DORMOUSE_WATCH_PORTS:-}" | tr ',' ' ') 22 "

# server_time: the control plane's, as its answers' Date header has it: what is reported carries it, whatever this machine's clock says.
server_time() {
  {
    if command -v curl >/dev/null 2>&1; then curl -fsS -o /dev/null -D - --max-time 15 "$build_info" 2>/dev/null
    else wget -S -T 15 -O /dev/null "$build_info" 2>&1
    fi
    LC_ALL=C date -u "+Date: ---, %d %b %Y %H:%M:%S"
  } | LC_ALL=C awk 'tolower($1) == "date:" {
    printf "%s-%02d-%02dT%sZ\n", $5, (index("JanFebMarAprMayJunJulAugSepOctNovDec", $4) + 2) / 3, $3, $6; exit }'
}

log() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

read_token() {
  if [ -n "${CODER_AGENT_TOKEN_FILE:-}" ] && [ -r "$CODER_AGENT_TOKEN_FILE" ]; then cat "$CODER_AGENT_TOKEN_FILE"; else printf '%s' "$token"; fi
}

# call METHOD PATH [BODY]: prints the answer, fails when it is not a success. The token goes through a file, not the command line.
call() {
  (
    umask 077
    if command -v curl >/dev/null 2>&1; then
      printf 'header = "Coder-Session-Token: %s"\nheader = "Content-Type: application/json"\n' "$(read_token)" >"$work/headers.$$"
      if [ -n "${3:-}" ]; then
        printf '%s' "$3" | curl -fsS --max-time 15 -K "$work/headers.$$" -X "$1" --data-binary @- "$url$2" 2>/dev/null
      else
        curl -fsS --max-time 15 -K "$work/headers.$$" -X "$1" "$url$2" 2>/dev/null
      fi
    else
      printf 'header = Coder-Session-Token: %s\nheader = Content-Type: application/json\n' "$(read_token)" >"$work/wgetrc"
      WGETRC="$work/wgetrc" wget -q -T 15 -O - --method="$1" --body-data="${3:-}" "$url$2" 2>/dev/null
    fi
  )
}

# json_text: standard input as the inside of a JSON string.
json_text() {
  LC_ALL=C awk 'BEGIN { for (i = 1; i < 32; i++) control[sprintf("%c", i)] = sprintf("\\u%04x", i) }
    { if (NR > 1) printf "\\n"
      gsub(/\\/, "\\\\"); gsub(/"/, "\\\"")
      out = ""; n = length($0)
      for (i = 1; i <= n; i++) { c = substr($0, i, 1); out = out ((c in control) ? control[c] : c) }
      printf "%s", out }'
}

# scripts KEY: the scripts of the manifest that run at KEY, one a line: id, log source and name, then the text with \n as it is in JSON.
scripts() {
  LC_ALL=C awk -v key="$1" '
    { text = text $0 }
    END {
      start = index(text, "\"scripts\":["); if (!start) exit
      text = substr(text, start + 11); depth = 0; inside = 0; object = ""
      for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (inside) { object = object c; if (c == "\\") { i++; object = object substr(text, i, 1) } else if (c == "\"") inside = 0; continue }
        if (c == "\"") inside = 1
        if (c == "{") depth++
        if (depth > 0) object = object c
        if (c == "}") { depth--; if (depth == 0) { show(object); object = "" } }
        if (c == "]" && depth == 0) exit
      }
    }
    function field(object, name,   from, rest, value, i, c) {
      from = index(object, "\"" name "\":"); if (!from) return ""
      rest = substr(object, from + length(name) + 3)
      if (substr(rest, 1, 1) != "\"") { sub(/[,}].*/, "", rest); return rest }
      value = ""
      for (i = 2; i <= length(rest); i++) {
        c = substr(rest, i, 1)
        if (c == "\\") { value = value c substr(rest, ++i, 1); continue }
        if (c == "\"") break
        value = value c
      }
      return value
    }
    function show(object) {
      if (field(object, key) == "true") print field(object, "id") "\t" field(object, "log_source_id") "\t" field(object, "display_name") "\t" field(object, "script")
    }' "$work/manifest"
}

# unescape: the text of a JSON string.
unescape() {
  LC_ALL=C awk '{ out = ""; n = length($0)
    for (i = 1; i <= n; i++) {
      c = substr($0, i, 1)
      if (c != "\\") { out = out c; continue }
      c = substr($0, ++i, 1)
      if (c == "n") out = out "\n"
      else if (c == "t") out = out "\t"
      else if (c == "r") out = out "\r"
      else if (c == "u") { out = out unicode(substr($0, i + 1, 4)); i += 4 }
      else out = out c
    }
    printf "%s", out }
    function unicode(hex,   value, i) {
      value = 0; for (i = 1; i <= 4; i++) value = value * 16 + index("0123456789abcdef", tolower(substr(hex, i, 1))) - 1
      return value < 128 ? sprintf("%c", value) : "?"
    }'
}

# run_scripts KEY STAGE: runs them one after the other; fails when one fails.
run_scripts() {
  scripts "$1" >"$work/scripts"
  failed=0
  while IFS="$(printf '\t')" read -r id source name text; do
    printf '%s' "$text" | unescape >"$work/script.sh"
    call POST /log-source "{\"id\":\"$source\",\"display_name\":\"$name\",\"icon\":\"\"}" >/dev/null
    began="$(server_time)"
    sh "$work/script.sh" >"$work/output" 2>&1 </dev/null
    code=$?
    ended="$(server_time)"
    lines="$(tail -n 1000 "$work/output" | while IFS= read -r line || [ -n "$line" ]; do
      printf '{"created_at":"%s","level":"info","output":"%s"},' "$ended" "$(printf '%s' "$line" | json_text)"
    done)"
    [ -z "$lines" ] || call PATCH /logs "{\"log_source_id\":\"$source\",\"logs\":[${lines%,}]}" >/dev/null
    status=ok
    [ "$code" -eq 0 ] || { status=exit_failure; failed=1; }
    call POST /script-completed "{\"script_id\":\"$id\",\"started_at\":\"$began\",\"ended_at\":\"$ended\",\"exit_code\":$code,\"stage\":\"$2\",\"status\":\"$status\"}" >/dev/null
  done <"$work/scripts"
  return "$failed"
}

lifecycle() { call POST /report-lifecycle "{\"state\":\"$1\"}" >/dev/null; }

# connections: how many established connections come in on a watched port.
connections() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | LC_ALL=C awk -v ports="$watched" '
    BEGIN { n = split(ports, list, " "); for (i = 1; i <= n; i++) wanted[sprintf("%04X", list[i])] = 1 }
    $4 == "01" { split($2, local, ":"); if (local[2] in wanted) count++ }
    END { print count + 0 }'
}

finish() {
  trap - TERM INT HUP
  lifecycle shutting_down
  if run_scripts run_on_stop stop; then lifecycle off; else lifecycle shutdown_error; fi
  rm -rf "$work"
  exit 0
}
trap finish TERM INT HUP

pause=1
until call GET /manifest >"$work/manifest"; do
  log "the workspace does not know this agent yet, or cannot be reached; waiting"
  sleep "$pause" & wait $!
  pause=$((pause * 2))
  [ "$pause" -le 30 ] || pause=30
done
call POST /startup "{\"version\":\"$version\",\"expanded_directory\":\"$(printf '%s' "$HOME" | json_text)\",\"subsystems\":[]}" >/dev/null
log "connected"
lifecycle starting
if run_scripts run_on_start start; then lifecycle ready; else lifecycle start_error; fi

while :; do
  count="$(connections)"
  if [ "$count" -gt 0 ]; then body="{\"connections_by_proto\":{\"TCP\":$count},\"connection_count\":$count}"; else body="{}"; fi
  call POST /report-stats "$body" >/dev/null || log "a report was refused or could not be sent"
  sleep "$report_seconds" & wait $!
done
