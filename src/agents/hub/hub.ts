// The hub of one workspace: the sockets of its agents, and of those that wait for its claim. All of them hibernate. What the
// database is told of the agents' sockets is in hub-links.ts.
import { DurableObject } from "cloudflare:workers"
import { platformClock, type Clock } from "../../clock.ts"
import { fromHex } from "../../platform/db/values.ts"
import { HubLinks } from "./links.ts"
import { readPortsFrame, type ListeningPort } from "../forward/listening-ports.ts"
import { hashHeader } from "./calls.ts"

/** An agent says "ping" each 15 s, which the platform answers while the hub sleeps; three missed mean that it is gone. */
const silentMsMax = 45_000
const socketsMax = 1_000
/** An agent looks at its ports each half minute, and tells them when they have changed. */
const portsMsMin = 10_000

type Kind = "agent" | "reinit"
type Attachment = { kind: Kind; agentId: string; openedAtMs: number; toldPortsAtMs?: number }

/** A frame to an agent. */
export type AgentFrame =
  | { type: "dial"; session: string }
  | { type: "reinit"; workspace_id: string; reason: string }

export class AgentHub extends DurableObject<Env> {
  protected clock: Clock = platformClock
  readonly #links: HubLinks

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#links = new HubLinks(ctx, env, () => this.clock())
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"))
  }

  /**
   * `/agent`: a handshake to be proven, by the digest in its header. `/reinit/{id}?began={ms}`: one that the Worker has
   * authorized, by what it began to read at that instant. Answers 401 for no proof, 429 for too many sockets, 503 for no database.
   */
  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const [, kind, agentId = ""] = pathname.split("/")
    const held = this.ctx.getWebSockets().length + this.#links.provingCount
    if (held >= socketsMax) return new Response(null, { status: 429 })
    const { 0: client, 1: server } = new WebSocketPair()
    const answer = () => new Response(null, { status: 101, webSocket: client })
    if (kind === "reinit") {
      this.#accept(server, "reinit", agentId)
      if (this.#links.mayHaveMissed(Number(searchParams.get("began")))) send(server, "look")
      return answer()
    }
    const hash = fromHex(request.headers.get(hashHeader) ?? "")
    const proof = await this.#links.prove(hash, (proven) => {
      // Only now: who proves nothing must not part an agent from its socket.
      for (const older of this.#sockets(proven)) close(older, 4000, "The agent connected again.")
      this.#accept(server, "agent", proven)
    })
    if (proof === "linked") return answer()
    return new Response(null, { status: proof === "refused" ? 401 : 503 })
  }

  #accept(socket: WebSocket, kind: Kind, agentId: string): void {
    this.ctx.acceptWebSocket(socket, [tagOf(kind, agentId)])
    socket.serializeAttachment({
      kind,
      agentId,
      openedAtMs: platformClock().getTime(),
    } satisfies Attachment)
  }

  /** Sends a frame to an agent. False where it holds no socket. */
  async send(agentId: string, frame: AgentFrame): Promise<boolean> {
    const [socket] = this.#sockets(agentId)
    if (socket === undefined) return false
    socket.send(JSON.stringify(frame))
    return true
  }

  /** The workspace has another latest build, or its latest has ended: agents that may no longer connect go. */
  async buildChanged(): Promise<void> {
    const held = this.#held("agent")
    await this.#links.noteChange(held.length > 0)
    // Who waits for a claim asks the database what the change means.
    for (const socket of this.#held("reinit")) send(socket, "look")
    if (held.length > 0) await this.#review()
  }

  /** Sends away the agents that may no longer connect. */
  async #review(): Promise<void> {
    const held = this.#held("agent")
    const mayStay = await this.#links.review([
      ...new Set(held.map((socket) => attachmentOf(socket).agentId)),
    ])
    if (mayStay === null) return
    for (const socket of held) {
      if (mayStay.has(attachmentOf(socket).agentId)) continue
      const frame = {
        type: "reinit",
        workspace_id: this.#links.workspaceId,
        reason: "build_changed",
      } as const
      send(socket, JSON.stringify(frame satisfies AgentFrame))
      close(socket, 4001, "The workspace has a newer build.")
    }
  }

  /** What the agent's workspace listens on; nothing while it holds no socket. */
  async portsOf(agentId: string): Promise<ListeningPort[]> {
    return this.#sockets(agentId).length > 0 ? this.#links.portsOf(agentId) : []
  }

  /** Agents tell their ports here, since those live and end with the socket; all else they report over HTTPS. */
  override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): void {
    const attachment = attachmentOf(socket)
    if (attachment.kind !== "agent" || socket.readyState !== WebSocket.OPEN) return
    const ports = readPortsFrame(data)
    if (ports === null) return close(socket, 1003, "Not a frame.")
    const now = platformClock().getTime()
    if (now - (attachment.toldPortsAtMs ?? 0) < portsMsMin) return close(socket, 1008, "Too often.")
    socket.serializeAttachment({ ...attachment, toldPortsAtMs: now } satisfies Attachment)
    this.#links.keepPorts(attachment.agentId, ports)
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    if (code !== 1005 && code !== 1006) close(socket, code, "")
    await this.#lost(socket)
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#lost(socket)
  }

  override async alarm(): Promise<void> {
    if (this.#links.isReviewOwed) await this.#review()
    await this.#links.check((agentId) => {
      const [socket] = this.#sockets(agentId)
      // After a crash or a deploy the sockets are gone without a word.
      if (socket === undefined) return false
      if (platformClock().getTime() - lastSignAtMs(this.ctx, socket) <= silentMsMax) return true
      close(socket, 4002, "Nothing was heard for too long.")
      return false
    })
  }

  async #lost(socket: WebSocket): Promise<void> {
    const { kind, agentId } = attachmentOf(socket)
    if (kind !== "agent") return
    // An agent that has connected again is not lost with its old socket.
    if (this.#sockets(agentId).some((other) => other !== socket)) return
    await this.#links.lose(agentId)
  }

  #held(kind: Kind): WebSocket[] {
    return this.ctx.getWebSockets().filter((socket) => attachmentOf(socket).kind === kind)
  }

  /** The agent's own: one, or two while it connects again. */
  #sockets(agentId: string): WebSocket[] {
    return this.ctx
      .getWebSockets(tagOf("agent", agentId))
      .filter((socket) => socket.readyState === WebSocket.OPEN)
  }
}

const tagOf = (kind: Kind, agentId: string) => `${kind}:${agentId}`

function attachmentOf(socket: WebSocket): Attachment {
  return socket.deserializeAttachment() as Attachment
}

function lastSignAtMs(ctx: DurableObjectState, socket: WebSocket): number {
  return ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? attachmentOf(socket).openedAtMs
}

function send(socket: WebSocket, text: string): void {
  try {
    socket.send(text)
  } catch {
    // It closed meanwhile; its close is reported on its own.
  }
}

function close(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason)
  } catch {
    // Closed already.
  }
}
