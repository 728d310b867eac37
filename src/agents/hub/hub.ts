// The hub of one workspace: hibernating sockets of its agents and of streams that wait for a claim.
//
// `links.ts` keeps the database informed of the agents' sockets.
import { DurableObject } from "cloudflare:workers"
import { platformClock, type Clock } from "../../clock.ts"
import { fromHex } from "../../platform/db/values.ts"
import {
  acceptSocket,
  closeSocket,
  isOpen,
  replyToClose,
  sendTo,
} from "../../platform/durable/object.ts"
import { readPortsFrame, type ListeningPort } from "../forward/listening-ports.ts"
import { hashHeader } from "./calls.ts"
import { HubLinks } from "./links.ts"

/** An agent sends `ping` each 15 s, and the platform answers. After three missing it is gone. */
const silentMsMax = 45_000
const socketsMax = 1_000
/** An agent looks at its ports each half minute and reports them when they have changed. */
const portsMsMin = 10_000

type Kind = "agent" | "reinit"
type Attachment = { kind: Kind; agentId: string; openedAtMs: number; portsAtMs?: number }

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
   * `/agent`: a handshake with a token's digest in a header, which the hub proves.
   * `/reinit/{agent}?began={ms}`: a handshake that the Worker has authorized; its read began then.
   *
   * Answers 401 for a refused proof, 429 for too many sockets, 503 if the database is unavailable.
   */
  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const [, kind, agentId = ""] = pathname.split("/")
    const held = this.ctx.getWebSockets().length + this.#links.provingCount
    if (held >= socketsMax) return new Response(null, { status: 429 })
    if (kind !== "reinit") return this.#connect(fromHex(request.headers.get(hashHeader) ?? ""))
    const { socket, answer } = this.#accept("reinit", agentId)
    if (this.#links.mayHaveMissed(Number(searchParams.get("began")))) sendTo(socket, "look")
    return answer
  }

  /** Closes the agent's older socket only after the proof: a bad token must not disconnect it. */
  async #connect(hash: Uint8Array): Promise<Response> {
    let accepted = null as Response | null
    const proof = await this.#links.prove(hash, (agentId) => {
      for (const older of this.#socketsOf(agentId))
        closeSocket(older, 4000, "The agent connected again.")
      accepted = this.#accept("agent", agentId).answer
    })
    return accepted ?? new Response(null, { status: proof === "refused" ? 401 : 503 })
  }

  #accept(kind: Kind, agentId: string) {
    const openedAtMs = platformClock().getTime()
    const attachment: Attachment = { kind, agentId, openedAtMs }
    return acceptSocket(this.ctx, attachment, [tagOf(kind, agentId)])
  }

  /** Sends a frame to an agent. Returns false if the agent holds no socket. */
  async send(agentId: string, frame: AgentFrame): Promise<boolean> {
    const [socket] = this.#socketsOf(agentId)
    if (socket === undefined) return false
    socket.send(JSON.stringify(frame))
    return true
  }

  /** The workspace's latest build is another one or has ended, so some agents may have to leave. */
  async buildChanged(): Promise<void> {
    const hasAgents = this.#held("agent").length > 0
    await this.#links.noteBuildChange(hasAgents)
    // A stream that waits for a claim asks the database what the change means.
    for (const socket of this.#held("reinit")) sendTo(socket, "look")
    if (hasAgents) await this.#review()
  }

  /** Closes the sockets of agents that may no longer connect. */
  async #review(): Promise<void> {
    const held = this.#held("agent")
    const agentIds = new Set(held.map((socket) => attachmentOf(socket).agentId))
    const mayStay = await this.#links.review([...agentIds])
    if (mayStay === null) return
    const workspace_id = this.#links.workspaceId
    const frame: AgentFrame = { type: "reinit", workspace_id, reason: "build_changed" }
    for (const socket of held) {
      if (mayStay.has(attachmentOf(socket).agentId)) continue
      sendTo(socket, JSON.stringify(frame))
      closeSocket(socket, 4001, "The workspace has a newer build.")
    }
  }

  /** Returns the ports that the agent's workspace listens on; none while it holds no socket. */
  async portsOf(agentId: string): Promise<ListeningPort[]> {
    return this.#socketsOf(agentId).length > 0 ? this.#links.portsOf(agentId) : []
  }

  /** Ports live only as long as the socket, so agents report them here and all else over HTTPS. */
  override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): void {
    const attachment = attachmentOf(socket)
    if (attachment.kind !== "agent" || !isOpen(socket)) return
    const ports = readPortsFrame(data)
    if (ports === null) return closeSocket(socket, 1003, "Not a frame.")
    const portsAtMs = platformClock().getTime()
    if (portsAtMs - (attachment.portsAtMs ?? 0) < portsMsMin)
      return closeSocket(socket, 1008, "Too often.")
    socket.serializeAttachment({ ...attachment, portsAtMs } satisfies Attachment)
    this.#links.keepPorts(attachment.agentId, ports)
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    replyToClose(socket, code)
    await this.#lost(socket)
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#lost(socket)
  }

  override async alarm(): Promise<void> {
    if (this.#links.isReviewPending) await this.#review()
    await this.#links.check((agentId) => this.#isAlive(agentId))
  }

  /** After a crash or a deploy the sockets are gone and no close event was reported. */
  #isAlive(agentId: string): boolean {
    const [socket] = this.#socketsOf(agentId)
    if (socket === undefined) return false
    const pingedAt = this.ctx.getWebSocketAutoResponseTimestamp(socket)
    const signAtMs = pingedAt?.getTime() ?? attachmentOf(socket).openedAtMs
    if (platformClock().getTime() - signAtMs <= silentMsMax) return true
    closeSocket(socket, 4002, "The agent was silent for too long.")
    return false
  }

  /** An agent that has connected again is not lost when its old socket closes. */
  async #lost(socket: WebSocket): Promise<void> {
    const { kind, agentId } = attachmentOf(socket)
    if (kind !== "agent") return
    if (this.#socketsOf(agentId).some((other) => other !== socket)) return
    await this.#links.lose(agentId)
  }

  #held(kind: Kind): WebSocket[] {
    return this.ctx.getWebSockets().filter((socket) => attachmentOf(socket).kind === kind)
  }

  /** The agent's open sockets: one, or two while it connects again. */
  #socketsOf(agentId: string): WebSocket[] {
    return this.ctx.getWebSockets(tagOf("agent", agentId)).filter(isOpen)
  }
}

const tagOf = (kind: Kind, agentId: string) => `${kind}:${agentId}`

function attachmentOf(socket: WebSocket): Attachment {
  return socket.deserializeAttachment() as Attachment
}
