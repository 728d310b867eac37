// The links of a workspace's agents: what the hub holds, what the database has been told of it, and how the two are brought
// together again after either was gone. A connection is written by the statement that proves it, a loss by one of its own.
import { openAgentByHash } from "../../access/agent-token.ts"
import { platformClock, type Clock } from "../../clock.ts"
import { openDatabase, type Database } from "../../platform/db/client.ts"
import { StatementFailed } from "../../platform/db/errors.ts"
import { ApiError } from "../../platform/http/errors.ts"
import { messageOf, writeEvent } from "../../platform/event.ts"
import { publishWorkspaces } from "../../platform/durable/publish.ts"
import { openHubStorage, type HubStorage } from "./storage.ts"
import type { ListeningPort } from "../forward/listening-ports.ts"
import { closeUnheld, linkActor, readStanding, writeLinks } from "./statements.ts"

const checkMs = 120_000
const retryMs = 5_000
/** No proof takes so long. */
const proofMsMax = 60_000
const proofTriesMax = 3
/** How long a change of the workspace's builds is remembered: longer than anybody reads. */
const toldMsMax = 120_000
/** How far the clocks of two machines of the platform may be apart. */
const clockSkewMsMax = 10_000

/** `unknown`: the database did not say what it has written. */
export type Proof = "linked" | "refused" | "unknown"

export class HubLinks {
  readonly #ctx: DurableObjectState
  readonly #env: Env
  readonly #clock: Clock
  readonly #storage: HubStorage
  /** The proofs of this life of the object; others that are stored belong to one that crashed. */
  readonly #proving = new Set<number>()
  #isWriting = false
  /** How many writes, and how many changes of builds, there have been in this life of the object. */
  #writeCount = 0
  #changeCount = 0

  constructor(ctx: DurableObjectState, env: Env, clock: Clock) {
    this.#ctx = ctx
    this.#env = env
    this.#clock = clock
    this.#storage = openHubStorage(ctx.storage)
  }

  get provingCount(): number {
    return this.#proving.size
  }

  /**
   * Proves a token's digest to be that of an agent of this workspace and writes its connection, in one transaction; then
   * `accept` takes the socket, with nothing awaited between what the database said and that. Never throws.
   *
   * That the database is asked is noted before it is, and an alarm armed: where the object dies in between, or no answer comes,
   * whoever reads connected without a socket is written as lost. A write of ours that was under way at the same time may have
   * landed after this one, so that the link is written again. A build that changed meanwhile may have made the proof void, so
   * that it is asked for again: those who send agents away do not see this one yet.
   */
  async prove(hash: Uint8Array, accept: (agentId: string) => void): Promise<Proof> {
    const proof = this.#storage.beginProof()
    this.#proving.add(proof)
    const at = this.#clock()
    let mayBeWritten = false
    let outcome: Proof = "unknown"
    try {
      await this.#armWithin(proofMsMax)
      for (let tries = 0; tries < proofTriesMax; tries++) {
        const [isAlone, writeCount, changeCount] = [
          !this.#isWriting,
          this.#writeCount,
          this.#changeCount,
        ]
        const [row] = await openAgentByHash(this.database(), hash).query(
          linkActor(this.workspaceId, at),
        )
        if (row === undefined) {
          outcome = "refused"
          break
        }
        mayBeWritten = true
        if (changeCount !== this.#changeCount) continue
        accept(row.id)
        const isWritten = isAlone && writeCount === this.#writeCount
        this.#storage.setLink({ agentId: row.id, isOpen: true, at, isWritten })
        mayBeWritten = false
        outcome = "linked"
        break
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) outcome = "refused"
      else {
        // A statement that failed was undone; one without an answer may not have been.
        mayBeWritten ||= !(error instanceof StatementFailed)
        reportFailure("agent_proof_failed", error)
      }
    }
    this.#proving.delete(proof)
    if (!mayBeWritten) this.#storage.endProofs([proof])
    if (outcome === "linked") {
      this.#ctx.waitUntil(publishWorkspaces(this.#env, [this.workspaceId]))
      this.#ctx.waitUntil(this.settle())
    } else if (outcome === "unknown") await this.#rest()
    else await this.settle()
    return outcome
  }

  /** The agent's socket is gone. */
  async lose(agentId: string): Promise<void> {
    this.#storage.setLink({ agentId, isOpen: false, at: this.#clock(), isWritten: false })
    await this.settle()
  }

  keepPorts(agentId: string, ports: readonly ListeningPort[]): void {
    this.#storage.setPorts(agentId, JSON.stringify(ports))
  }

  portsOf(agentId: string): ListeningPort[] {
    return JSON.parse(this.#storage.portsOf(agentId) ?? "[]") as ListeningPort[]
  }

  /** Notes that the workspace has another latest build, or that its latest has ended; with agents held, their review is owed. */
  async noteChange(areHeld: boolean): Promise<void> {
    this.#changeCount += 1
    this.#storage.setTold(this.#clock(), !areHeld)
    await this.#armWithin(toldMsMax)
  }

  get isReviewOwed(): boolean {
    return this.#storage.isReviewOwed()
  }

  /**
   * Which of these agents may stay; null where the database does not say: the review stays owed, and the alarm comes again for it.
   * Never throws.
   */
  async review(agentIds: readonly string[]): Promise<Set<string> | null> {
    const toldAtMs = this.#storage.toldAtMs() ?? 0
    try {
      const rows = agentIds.length > 0 ? await this.database().all(readStanding(agentIds)) : []
      this.#storage.setReviewed(toldAtMs)
      return new Set(rows.filter((row) => row.may_connect).map((row) => row.id))
    } catch (error) {
      reportFailure("agent_review_failed", error)
      await this.#armWithin(retryMs)
      return null
    }
  }

  /** Whether there was such a change that one who began to read at this instant may not have seen. */
  mayHaveMissed(beganAtMs: number): boolean {
    const toldAtMs = this.#storage.toldAtMs()
    return toldAtMs !== null && toldAtMs >= beganAtMs - clockSkewMsMax
  }

  /** What an alarm is for: links without a socket are lost, what could not be written is, what is old is forgotten. */
  async check(isHeld: (agentId: string) => boolean): Promise<void> {
    for (const { agent_id: agentId } of this.#storage.openLinks()) {
      if (isHeld(agentId)) continue
      this.#storage.setLink({ agentId, isOpen: false, at: this.#clock(), isWritten: false })
    }
    if ((this.#storage.toldAtMs() ?? 0) <= this.#clock().getTime() - toldMsMax)
      this.#storage.forgetTold()
    await this.settle()
  }

  /**
   * Writes what the database has not been told, one write at a time, so that none overtakes another. Never throws: what could
   * not be written is tried again by the alarm.
   */
  async settle(): Promise<void> {
    if (this.#isWriting) return // Who writes looks again when that is done.
    this.#isWriting = true
    for (;;) {
      const links = this.#storage.unwritten()
      const orphans = this.#orphans()
      if (links.length === 0 && orphans.length === 0) break
      this.#writeCount += 1
      try {
        const held = this.#storage.openLinks().map((link) => link.agent_id)
        await this.database().batch([
          ...(orphans.length > 0 ? [closeUnheld(this.workspaceId, held, this.#clock())] : []),
          writeLinks(
            links.map((row) => ({
              agentId: row.agent_id,
              isOpen: row.is_open === 1,
              at: new Date(row.at_ms),
            })),
          ),
        ])
      } catch (error) {
        reportFailure("agent_link_failed", error)
        break
      }
      this.#storage.markWritten(links)
      this.#storage.endProofs(orphans)
      this.#ctx.waitUntil(publishWorkspaces(this.#env, [this.workspaceId]))
    }
    this.#isWriting = false
    await this.#rest()
  }

  database(): Database {
    return openDatabase(this.#env)
  }

  get workspaceId(): string {
    return this.#ctx.id.name ?? ""
  }

  /** Proofs whose outcome nobody waits for any more. */
  #orphans(): number[] {
    return this.#storage.proofs().filter((id) => !this.#proving.has(id))
  }

  /** Arms the alarm for what there is left to do; with nothing left, nothing stays stored. */
  async #rest(): Promise<void> {
    const isOwing =
      this.#storage.unwritten().length > 0 || this.#orphans().length > 0 || this.isReviewOwed
    if (isOwing) return this.#armWithin(retryMs)
    if (this.#proving.size > 0) return this.#armWithin(proofMsMax)
    if (this.#storage.openLinks().length > 0) return this.#armWithin(checkMs)
    if (this.#storage.toldAtMs() !== null) return this.#armWithin(toldMsMax)
    return this.#storage.clear()
  }

  /** Never later than it is armed already, or who comes often would put off what others wait for. */
  async #armWithin(ms: number): Promise<void> {
    const atMs = platformClock().getTime() + ms
    const armedAtMs = await this.#ctx.storage.getAlarm()
    if (armedAtMs === null || armedAtMs > atMs) await this.#ctx.storage.setAlarm(atMs)
  }
}

function reportFailure(event: string, error: unknown): void {
  writeEvent({
    event,
    outcome: "error",
    error: messageOf(error),
  })
}
