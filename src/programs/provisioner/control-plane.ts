// The provisioner protocol over HTTPS from the daemon's side, with its retries.
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import type {
  AcquiredJob,
  CompleteRequest,
  FailRequest,
  RegisterRequest,
  UpdateRequest,
  UpdateResponse,
} from "../../queue/jobs/protocol.ts"
import { type Line, type LineOptions, openLine } from "../port-forward/socket.ts"
import type { ServerClock } from "../server-clock.ts"

const callMsMax = 30_000
const downloadMsMax = 300_000
const backoffMsMin = 500
const backoffMsMax = 15_000
export const archiveBytesMax = 95 * 1024 * 1024

/** The control plane rejected the call. */
export class Refused extends Error {
  override name = "Refused"
  readonly status: number
  constructor(status: number, message: string) {
    super(`${status} ${message}`)
    this.status = status
  }
}

/** The control plane did not answer, or cannot answer now. Worth a retry. */
export class Unreachable extends Error {
  override name = "Unreachable"
}

type ListenOptions = Pick<LineOptions, "pingMs" | "silentMsMax" | "signal"> & { onHint: () => void }

export type ControlPlane = ReturnType<typeof connectControlPlane>

export function connectControlPlane(options: { url: string; key: string; clock: ServerClock }) {
  const base = `${options.url.replace(/\/+$/, "")}/api/v2/provisionerdaemons`
  const keyHeader = { "Coder-Provisioner-Daemon-Key": options.key }

  async function send(
    method: string,
    path: string,
    body: unknown,
    timeoutMs = callMsMax,
  ): Promise<Response> {
    let response: Response
    try {
      response = await fetch(base + path, {
        method,
        headers: {
          ...keyHeader,
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        signal: AbortSignal.timeout(timeoutMs),
        redirect: "error",
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    } catch (error) {
      throw new Unreachable(error instanceof Error ? error.message : String(error))
    }
    options.clock.learn(response.headers.get("Date"))
    if (response.ok) return response
    const text = await response.text().catch(() => "")
    if (response.status >= 500 || response.status === 429)
      throw new Unreachable(`${response.status} ${messageOf(text)}`)
    throw new Refused(response.status, messageOf(text))
  }

  const read = async <T>(response: Response): Promise<T> => {
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both ends share the protocol's types
      return (await response.json()) as T
    } catch (error) {
      throw new Unreachable(error instanceof Error ? error.message : String(error))
    }
  }

  return {
    async register(request: RegisterRequest): Promise<{ id: string }> {
      return read(await send("POST", "", request))
    },
    async heartbeat(daemon: string): Promise<void> {
      await send("POST", `/${daemon}/heartbeat`, {})
    },
    /** Returns the next job for this daemon, if there is one. */
    async acquire(daemon: string): Promise<AcquiredJob | null> {
      const response = await send("POST", `/${daemon}/acquire`, {})
      return response.status === 204 ? null : read(response)
    },
    async update(daemon: string, job: string, request: UpdateRequest): Promise<UpdateResponse> {
      return read(await send("POST", `/${daemon}/jobs/${job}/update`, request))
    },
    async complete(daemon: string, job: string, request: CompleteRequest): Promise<void> {
      await send("POST", `/${daemon}/jobs/${job}/complete`, request)
    },
    async fail(daemon: string, job: string, request: FailRequest): Promise<void> {
      await send("POST", `/${daemon}/jobs/${job}/fail`, request)
    },
    async archive(daemon: string, job: string): Promise<Uint8Array<ArrayBuffer>> {
      const response = await send("GET", `/${daemon}/jobs/${job}/file`, undefined, downloadMsMax)
      try {
        return await readBounded(response)
      } catch (error) {
        if (error instanceof Refused) throw error
        throw new Unreachable(error instanceof Error ? error.message : String(error))
      }
    },
    /** Opens the socket on which the control plane wakes the daemon. Rejects with `LineRefused`. */
    listen(daemon: string, options: ListenOptions): Promise<Line> {
      const { onHint, ...line } = options
      return openLine({
        ...line,
        url: `${base}/${daemon}/listen`,
        headers: keyHeader,
        ping: "ping",
        onMessage: (data) => {
          if (data !== "pong") onHint()
        },
      })
    },
  }
}

async function readBounded(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > archiveBytesMax)
      throw new Refused(413, `the archive is longer than ${archiveBytesMax} bytes`)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

const refusal = z.object({
  message: z.string(),
  validations: z.array(z.object({ field: z.string(), detail: z.string() })).optional(),
})

/** The message of a refusal, with what is wrong with each field. */
function messageOf(text: string): string {
  try {
    const { message, validations = [] } = refusal.parse(JSON.parse(text))
    const shown = validations.slice(0, 10).map(({ field, detail }) => `${field}: ${detail}`)
    return shown.length === 0 ? message : `${message} (${shown.join("; ")})`
  } catch {
    // A proxy answered, and its page is not JSON.
    return text.slice(0, 200)
  }
}

/**
 * Retries until the control plane answers, at most for `msMax` or until the signal aborts. Then
 * throws the last `Unreachable`.
 */
export async function persist<T>(
  call: () => Promise<T>,
  msMax: number,
  signal?: AbortSignal,
): Promise<T> {
  const startedMs = performance.now()
  for (let backoffMs = backoffMsMin; ; backoffMs = Math.min(backoffMs * 2, backoffMsMax)) {
    try {
      return await call()
    } catch (error) {
      const isOver = performance.now() - startedMs + backoffMs > msMax
      if (!(error instanceof Unreachable) || isOver || signal?.aborted) throw error
      await sleep(
        backoffMs * (0.5 + Math.random() / 2),
        undefined,
        signal === undefined ? {} : { signal },
      ).catch(() => undefined)
    }
  }
}
