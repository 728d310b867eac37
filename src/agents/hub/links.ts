// The links of a workspace's agents: what the hub holds and what the database knows of it.
//
// A statement that proves a token also writes its connection; a loss is a write of its own. If the
// hub or the database fails in between, the alarm makes the two agree again.
import { openAgentByHash } from "../../access/agent-token.ts"
import type { Clock } from "../../clock.ts"
import { openDatabase } from "../../platform/db/client.ts"
import { StatementFailed } from "../../platform/db/errors.ts"
import { armAlarm } from "../../platform/durable/object.ts"
import { publishWorkspaces } from "../../platform/durable/publish.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"
import { ApiError } from "../../platform/http/errors.ts"
import type { ListeningPort } from "../forward/listening-ports.ts"
import { closeUnheld, linkActor, readStanding, writeLinks } from "./statements.ts"
import { HubStorage, type LinkRow } from "./storage.ts"

const checkMs = 120_000
const retryMs = 5_000
/** Longer than any proof takes. */
const proofMsMax = 60_000
const proofTriesMax = 3
/** How long a build change is kept: longer than any reader takes. */
const buildChangeMsMax = 120_000
/** How far the clocks of two machines of the platform may differ. */
const clockSkewMsMax = 10_000

/** `unknown`: the database did not say what it has written. */
export type Proof = "linked" | "refused" | "unknown"
type Attempt = { proof: Proof; mayBeWritten: boolean }

export class HubLinks {
  readonly #ctx: DurableObjectState
  readonly #env: Env
  readonly #clock: Clock
  readonly #storage: HubStorage
  /** Proofs in flight in this instance. Any other stored proof belongs to an instance that died. */
  readonly #proving = new Set<number>()
  #isWriting = false
  /** Writes and build changes that this instance has seen. */
  #writeCount = 0
  #changeCount = 0

  constructor(ctx: DurableObjectState, env: Env, clock: Clock) {
    this.#ctx = ctx
    this.#env = env
    this.#clock = clock
    this.#storage = new HubStorage(ctx.storage)
  }

  get provingCount(): number {
    return this.#proving.size
  }

  get workspaceId(): string {
    return this.#ctx.id.name ?? ""
  }

  /**
   * Proves that a token's digest belongs to an agent of this workspace and writes its connection,
   * in one transaction. Then `accept` takes the socket; nothing is awaited between the database's
   * answer and that call. Never throws.
   *
   * The proof is stored and an alarm armed before the database is asked. If the object dies or no
   * answer arrives, the alarm writes a loss for each agent that is connected without a socket.
   */
  async prove(hash: Uint8Array, accept: (agentId: string) => void): Promise<Proof> {
    const number = this.#storage.beginProof()
    this.#proving.add(number)
    const { proof, mayBeWritten } = await this.#attempt(hash, accept)
    this.#proving.delete(number)
    if (!mayBeWritten) this.#storage.endProofs([number])
    if (proof === "linked") {
      this.#ctx.waitUntil(publishWorkspaces(this.#env, [this.workspaceId]))
      this.#ctx.waitUntil(this.settle())
    } else if (proof === "unknown") await this.#rest()
    else await this.settle()
    return proof
  }

  /** Asks again if a build changed during the proof: the review does not see this agent yet. */
  async #attempt(hash: Uint8Array, accept: (agentId: string) => void): Promise<Attempt> {
    const at = this.#clock()
    let mayBeWritten = false
    try {
      await this.#armWithin(proofMsMax)
      for (let tries = 0; tries < proofTriesMax; tries++) {
        const agentId = await this.#ask(hash, at, accept)
        if (agentId === null) return { proof: "refused", mayBeWritten }
        if (agentId !== "changed") return { proof: "linked", mayBeWritten: false }
        mayBeWritten = true
      }
      return { proof: "unknown", mayBeWritten }
    } catch (error) {
      if (error instanceof ApiError && error.status === 401)
        return { proof: "refused", mayBeWritten }
      reportFailure("agent_proof_failed", error)
      // A failed statement was rolled back; one without an answer may have been committed.
      return { proof: "unknown", mayBeWritten: mayBeWritten || !(error instanceof StatementFailed) }
    }
  }

  /**
   * One try of a proof. Returns the agent's id, null if the token is refused, or `changed`.
   *
   * A write of ours that was in flight at the same time may have committed after this one; then
   * the link stays unwritten, so that `settle` writes it again.
   */
  async #ask(
    hash: Uint8Array,
    at: Date,
    accept: (agentId: string) => void,
  ): Promise<string | null> {
    const wasWriting = this.#isWriting
    const [writeCount, changeCount] = [this.#writeCount, this.#changeCount]
    const session = openAgentByHash(openDatabase(this.#env), hash)
    const [row] = await session.query(linkActor(this.workspaceId, at))
    if (row === undefined) return null
    if (changeCount !== this.#changeCount) return "changed"
    accept(row.id)
    const isWritten = !wasWriting && writeCount === this.#writeCount
    this.#storage.setLink({ agentId: row.id, isOpen: true, at, isWritten })
    return row.id
  }

  /** The agent's socket is gone. */
  async lose(agentId: string): Promise<void> {
    this.#setLost(agentId)
    await this.settle()
  }

  #setLost(agentId: string): void {
    this.#storage.setLink({ agentId, isOpen: false, at: this.#clock(), isWritten: false })
  }

  keepPorts(agentId: string, ports: readonly ListeningPort[]): void {
    this.#storage.setPorts(agentId, JSON.stringify(ports))
  }

  portsOf(agentId: string): ListeningPort[] {
    return JSON.parse(this.#storage.portsOf(agentId) ?? "[]") as ListeningPort[]
  }

  /** Stores that the workspace's latest build is another one or has ended. */
  async noteBuildChange(needsReview: boolean): Promise<void> {
    this.#changeCount += 1
    this.#storage.setBuildChange(this.#clock(), !needsReview)
    await this.#armWithin(buildChangeMsMax)
  }

  get isReviewPending(): boolean {
    return this.#storage.isReviewPending()
  }

  /**
   * Returns which of these agents may stay. Returns null if the database does not answer; the
   * review then stays pending and the alarm retries it. Never throws.
   */
  async review(agentIds: readonly string[]): Promise<Set<string> | null> {
    const changedAtMs = this.#storage.buildChangedAtMs() ?? 0
    try {
      const database = openDatabase(this.#env)
      const rows = agentIds.length > 0 ? await database.all(readStanding(agentIds)) : []
      this.#storage.setReviewed(changedAtMs)
      return new Set(rows.filter((row) => row.may_connect).map((row) => row.id))
    } catch (error) {
      reportFailure("agent_review_failed", error)
      await this.#armWithin(retryMs)
      return null
    }
  }

  /** Whether a reader that began at this instant may have missed a build change. */
  mayHaveMissed(beganAtMs: number): boolean {
    const changedAtMs = this.#storage.buildChangedAtMs()
    return changedAtMs !== null && changedAtMs >= beganAtMs - clockSkewMsMax
  }

  /** The work of an alarm: records losses, forgets an old build change, writes the rest. */
  async check(isHeld: (agentId: string) => boolean): Promise<void> {
    for (const { agent_id: agentId } of this.#storage.openLinks()) {
      if (!isHeld(agentId)) this.#setLost(agentId)
    }
    const oldestMs = this.#clock().getTime() - buildChangeMsMax
    if ((this.#storage.buildChangedAtMs() ?? 0) <= oldestMs) this.#storage.forgetBuildChange()
    await this.settle()
  }

  /**
   * Writes what the database does not know yet. One write is in flight at a time, so that none
   * overtakes another. Never throws: the alarm retries a failed write.
   */
  async settle(): Promise<void> {
    if (this.#isWriting) return // The writer looks for more when its write is done.
    this.#isWriting = true
    try {
      for (;;) {
        const links = this.#storage.unwritten()
        const orphans = this.#orphans()
        if (links.length === 0 && orphans.length === 0) break
        await this.#write(links, orphans.length > 0)
        this.#storage.markWritten(links)
        this.#storage.endProofs(orphans)
        this.#ctx.waitUntil(publishWorkspaces(this.#env, [this.workspaceId]))
      }
    } catch (error) {
      reportFailure("agent_link_failed", error)
    }
    this.#isWriting = false
    await this.#rest()
  }

  /** An orphaned proof may have left any agent of the workspace connected without a socket. */
  async #write(links: readonly LinkRow[], hasOrphans: boolean): Promise<void> {
    this.#writeCount += 1
    const held = this.#storage.openLinks().map((link) => link.agent_id)
    const rows = links.map((row) => ({
      agentId: row.agent_id,
      isOpen: row.is_open === 1,
      at: new Date(row.at_ms),
    }))
    await openDatabase(this.#env).batch([
      ...(hasOrphans ? [closeUnheld(this.workspaceId, held, this.#clock())] : []),
      writeLinks(rows),
    ])
  }

  /** Stored proofs whose outcome nothing waits for any longer. */
  #orphans(): number[] {
    return this.#storage.proofs().filter((number) => !this.#proving.has(number))
  }

  /** Arms the alarm for the work that is left. If none is left, nothing stays stored. */
  async #rest(): Promise<void> {
    const isUnsettled = this.#storage.unwritten().length > 0 || this.#orphans().length > 0
    if (isUnsettled || this.isReviewPending) return this.#armWithin(retryMs)
    if (this.#proving.size > 0) return this.#armWithin(proofMsMax)
    if (this.#storage.openLinks().length > 0) return this.#armWithin(checkMs)
    if (this.#storage.buildChangedAtMs() !== null) return this.#armWithin(buildChangeMsMax)
    return this.#storage.clear()
  }

  #armWithin(ms: number): Promise<void> {
    return armAlarm(this.#ctx.storage, ms)
  }
}

function reportFailure(event: string, error: unknown): void {
  writeEvent({ event, outcome: "error", error: messageOf(error) })
}
