// The door from outside: each request runs curl, each socket is one of Node.
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import type { Answer, ClientHeaders, Door } from "../clients/client.ts"

const run = promisify(execFile)
const secondsMax = 30
/** How long an event stream is listened to. */
const peekSeconds = 1
const timedOut = 28

export function curlDoor(url: string): Door {
  async function curl(
    args: string[],
    headers: ClientHeaders,
    path: string,
    input?: string | Uint8Array,
  ) {
    const given = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`])
    const child = run("curl", ["-sS", "-i", ...args, ...given, url + path], {
      maxBuffer: 64 * 1024 * 1024,
    })
    child.child.stdin?.end(input)
    const { stdout } = await child.catch(
      (error: { code?: number; stdout?: string; stderr?: string }) => {
        if (error.code === timedOut && error.stdout?.startsWith("HTTP/"))
          return { stdout: error.stdout }
        throw new Error(`curl ${path}: ${error.stderr}`)
      },
    )
    return parseAnswer(stdout)
  }

  return {
    send(method, path, headers, body) {
      const args = ["-X", method, "--max-time", String(secondsMax)]
      if (body === undefined) return curl(args, headers, path)
      const isBytes = body instanceof Uint8Array
      return curl(
        [...args, "--data-binary", "@-"],
        { ...(isBytes ? {} : { "Content-Type": "application/json" }), ...headers },
        path,
        isBytes ? body : JSON.stringify(body),
      )
    },
    async peek(path, headers) {
      const { status, headers: answered } = await curl(
        ["-N", "--max-time", String(peekSeconds)],
        headers,
        path,
      )
      return { status, type: answered.get("Content-Type") }
    },
    watch: (path, headers, enough) =>
      readSocket(url.replace(/^http/, "ws") + path, headers, enough),
  }
}

/** What `curl -i` prints. Answers that only announce another (1xx) come before it. */
function parseAnswer(printed: string): Answer {
  const end = printed.indexOf("\r\n\r\n")
  const [first = "", ...lines] = printed.slice(0, end).split("\r\n")
  const text = printed.slice(end + 4)
  const status = Number(first.split(" ")[1])
  if (status >= 100 && status < 200) return parseAnswer(text)
  const headers = new Headers()
  for (const line of lines) {
    const colon = line.indexOf(":")
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return { status, headers, text, body: parseJson(text) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

// Node's own WebSocket takes headers; the types of browsers do not know them.
type NodeWebSocket = new (url: string, options: { headers: ClientHeaders }) => WebSocket

async function readSocket(
  url: string,
  headers: ClientHeaders,
  enough: (frames: unknown[]) => boolean,
) {
  const socket = new (WebSocket as unknown as NodeWebSocket)(url, { headers })
  const frames: unknown[] = []
  const ended = Promise.withResolvers<number | null>()
  const look = () => {
    if (enough(frames)) ended.resolve(null)
  }
  socket.addEventListener("open", look)
  socket.addEventListener("message", (event) => {
    frames.push(JSON.parse(String(event.data)))
    look()
  })
  socket.addEventListener("close", ({ code }) => ended.resolve(code))
  socket.addEventListener("error", () => ended.reject(new Error(`${url} was refused`)))
  const timer = setTimeout(() => ended.resolve(-1), secondsMax * 1_000)
  const code = await ended.promise.finally(() => clearTimeout(timer))
  socket.close(1000)
  return { frames, code }
}
