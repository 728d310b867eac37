// The hub of one workspace: the sockets of its agents, and of those that wait for its claim. All of them hibernate. A
// connection and a loss are written to the database once each, also when it was gone at the time.
import { DurableObject } from "cloudflare:workers"
import { platformClock, type Clock } from "../clock.ts"
import { connect, parseDatabaseUrl, type Database } from "../db/client.ts"
import { writeEvent } from "../http/event.ts"
import { publishWorkspaces } from "../http/publish.ts"
import { openHubStorage, type HubStorage } from "./hub-storage.ts"
import { readStanding, writeLinks } from "./hub-statements.ts"

/** An agent says "ping" each 15 s, which the platform answers while the hub sleeps; three missed mean that it is gone. */
const silentMsMax = 45_000
const checkMs = 120_000
const retryMs = 5_000
const socketsMax = 1_000

type Kind = "agent" | "reinit"
type Attachment = { kind: Kind; agentId: string; openedAtMs: number }

/** A frame to an agent. */
export type AgentFrame =
  | { type: "dial"; session: string }
  | { type: "reinit"; workspace_id: string; reason: string }

export class AgentHub extends DurableObject<Env> {
  protected clock: Clock = platformClock
  readonly #storage: HubStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#storage = openHubStorage(ctx.storage.sql)
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"))
  }

  /** The Worker passes on handshakes that it has authorized: `/agent/{id}`, `/reinit/{id}`. */
  override async fetch(request: Request): Promise<Response> {
    const [, kind = "", agentId = ""] = new URL(request.url).pathname.split("/")
    if (this.ctx.getWebSockets().length >= socketsMax) return new Response(null, { status: 503 })
    const { 0: client, 1: server } = new WebSocketPair()
    const attachment: Attachment = { kind: kind as Kind, agentId, openedAtMs: platformClock().getTime() }
    if (attachment.kind === "agent") {
      for (const older of this.#sockets(agentId)) close(older, 4000, "The agent connected again.")
    }
    this.ctx.acceptWebSocket(server, [tagOf(attachment.kind, agentId)])
    server.serializeAttachment(attachment)
    if (attachment.kind === "agent") {
      this.#storage.setLink(agentId, true, this.clock().getTime())
      await this.#write()
    }
    return new Response(null, { status: 101, webSocket: client })
  }

  /** Sends a frame to an agent. False where it holds no socket. */
  async send(agentId: string, frame: AgentFrame): Promise<boolean> {
    const [socket] = this.#sockets(agentId)
    if (socket === undefined) return false
    socket.send(JSON.stringify(frame))
    return true
  }

  /** The workspace has another latest build: agents that may no longer connect go. */
  async buildChanged(workspaceId: string): Promise<void> {
    const sockets = this.ctx.getWebSockets()
    const ids = [...new Set(sockets.map((socket) => attachmentOf(socket).agentId))]
    if (ids.length === 0) return
    const standing = new Map((await this.#db().all(readStanding(ids))).map((row) => [row.id, row]))
    for (const socket of sockets) {
      const { kind, agentId } = attachmentOf(socket)
      // Who waits for a claim asks the database what the change means.
      if (kind === "reinit") send(socket, "look")
      if (kind !== "agent" || standing.get(agentId)?.may_connect === true) continue
      const frame = { type: "reinit", workspace_id: workspaceId, reason: "build_changed" } as const
      send(socket, JSON.stringify(frame satisfies AgentFrame))
      close(socket, 4001, "The workspace has a newer build.")
    }
  }

  override webSocketMessage(): void {
    // Agents report over HTTPS.
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    if (code !== 1005 && code !== 1006) close(socket, code, "")
    await this.#lost(socket)
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#lost(socket)
  }

  override async alarm(): Promise<void> {
    for (const link of this.#storage.openLinks()) {
      const [socket] = this.#sockets(link.agent_id)
      // After a crash or a deploy the sockets are gone without a word.
      if (socket === undefined) this.#storage.setLink(link.agent_id, false, this.clock().getTime())
      else if (platformClock().getTime() - lastSignAtMs(this.ctx, socket) > silentMsMax) {
        close(socket, 4002, "Nothing was heard for too long.")
        this.#storage.setLink(link.agent_id, false, this.clock().getTime())
      }
    }
    await this.#write()
  }

  async #lost(socket: WebSocket): Promise<void> {
    const { kind, agentId } = attachmentOf(socket)
    if (kind !== "agent") return
    // An agent that has connected again is not lost with its old socket.
    if (this.#sockets(agentId).some((other) => other !== socket)) return
    this.#storage.setLink(agentId, false, this.clock().getTime())
    await this.#write()
  }

  // Never throws: what could not be written is tried again by the alarm.
  async #write(): Promise<void> {
    const rows = this.#storage.unwritten()
    try {
      if (rows.length > 0) {
        await this.#db().all(
          writeLinks(
            rows.map((row) => ({
              agentId: row.agent_id,
              isOpen: row.is_open === 1,
              at: new Date(row.at_ms),
            })),
          ),
        )
        this.#storage.markWritten(rows)
        await publishWorkspaces(this.env, [this.ctx.id.name ?? ""])
      }
    } catch (error) {
      writeEvent({
        event: "agent_link_failed",
        outcome: "error",
        error: error instanceof Error ? error.message : String(error),
      })
    }
    if (this.#storage.unwritten().length > 0)
      await this.ctx.storage.setAlarm(platformClock().getTime() + retryMs)
    else if (this.#storage.openLinks().length > 0)
      await this.ctx.storage.setAlarm(platformClock().getTime() + checkMs)
  }

  /** The agent's own: one, or two while it connects again. */
  #sockets(agentId: string): WebSocket[] {
    return this.ctx
      .getWebSockets(tagOf("agent", agentId))
      .filter((socket) => socket.readyState === WebSocket.OPEN)
  }

  #db(): Database {
    const database = parseDatabaseUrl(this.env.DATABASE_URL)
    if (!database.ok) throw new Error(database.error)
    return connect(database.url)
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
