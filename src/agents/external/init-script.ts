// The script that installs the agent on a machine, for `init-script/{os}/{arch}`.

const platforms: ReadonlyMap<string, readonly string[]> = new Map([
  ["linux", ["amd64", "arm64", "armv7"]],
  ["darwin", ["amd64", "arm64"]],
  ["windows", ["amd64", "arm64"]],
])

/** Returns null for an unknown platform. The token comes from the environment, not the script. */
export function initScript(os: string, arch: string, accessUrl: string): string | null {
  if (!platforms.get(os.toLowerCase())?.includes(arch.toLowerCase())) return null
  const url = accessUrl.replace(/\/+$/, "")
  return os.toLowerCase() === "windows" ? powershellScript(url) : posixScript(url)
}

/** The line that a person runs on the machine. Clients recognise its form to hide the token. */
export function initCommand(os: string, arch: string, accessUrl: string, token: string): string {
  const url = `${accessUrl.replace(/\/+$/, "")}/api/v2/init-script/${os}/${arch}`
  if (os === "windows") return `$env:CODER_AGENT_TOKEN="${token}"; iwr -useb "${url}" | iex`
  return `curl -fsSL "${url}" | CODER_AGENT_TOKEN="${token}" sh`
}

// The last line calls a function that holds everything, so a truncated download runs nothing.
function posixScript(url: string): string {
  return `#!/bin/sh
# Downloads the Dormouse agent and runs it until it is stopped.
set -eu

dormouse_main() {
  export CODER_AGENT_URL=${quotePosix(`${url}/`)}
  export CODER_AGENT_AUTH=token
  if [ -z "\${CODER_AGENT_TOKEN:-}" ] && [ -z "\${CODER_AGENT_TOKEN_FILE:-}" ]; then
    echo "CODER_AGENT_TOKEN is not set." >&2
    exit 1
  fi
  umask 077
  directory="\${DORMOUSE_AGENT_DIRECTORY:-$(mktemp -d "\${TMPDIR:-/tmp}/dormouse.XXXXXX")}"
  mkdir -p "$directory"
  name=dormouse-agent.sh
  run="sh"
  if command -v node >/dev/null 2>&1; then
    major="$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)"
    if [ "$major" -ge 22 ] 2>/dev/null; then
      name=dormouse-agent.js
      run="node"
    fi
  fi
  agent="$directory/$name"
  until dormouse_fetch "\${CODER_AGENT_URL}bin/$name" "$agent.part"; do
    echo "The agent could not be downloaded from \${CODER_AGENT_URL}." >&2
    echo "Retrying in 30 seconds." >&2
    sleep 30
  done
  mv "$agent.part" "$agent"
  exec "$run" "$agent"
}

dormouse_fetch() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --retry 2 -o "$2" "$1"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -O "$2" "$1"
  else
    echo "Neither curl nor wget is installed." >&2
    return 1
  fi
}

dormouse_main </dev/null
`
}

function powershellScript(url: string): string {
  return `# Downloads the Dormouse agent and runs it until it is stopped. Needs Node.js 22 or newer.
& {
  $ErrorActionPreference = "Stop"
  $env:CODER_AGENT_URL = ${quotePowershell(`${url}/`)}
  $env:CODER_AGENT_AUTH = "token"
  if (-not $env:CODER_AGENT_TOKEN -and -not $env:CODER_AGENT_TOKEN_FILE) {
    throw "CODER_AGENT_TOKEN is not set."
  }
  if (-not (Get-Command node -ErrorAction SilentlyContinue)) {
    throw "Node.js 22 or newer is needed."
  }
  $directory = Join-Path ([IO.Path]::GetTempPath()) ("dormouse-" + [Guid]::NewGuid())
  New-Item -ItemType Directory -Path $directory | Out-Null
  $agent = Join-Path $directory "dormouse-agent.js"
  while ($true) {
    try {
      $uri = $env:CODER_AGENT_URL + "bin/dormouse-agent.js"
      Invoke-WebRequest -UseBasicParsing -Uri $uri -OutFile $agent
      break
    } catch {
      Write-Warning "The agent could not be downloaded. Retrying in 30 seconds."
      Start-Sleep -Seconds 30
    }
  }
  & node $agent
}
`
}

/** Quotes any text as one word for sh. */
function quotePosix(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** Quotes any text as one word for PowerShell. */
function quotePowershell(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
