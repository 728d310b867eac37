// The object that tells watchers what changed.
import { DurableObject } from "cloudflare:workers"
import type { TopicKind } from "./publish.ts"

export class WorkspaceFeed extends DurableObject<Env> {
  /** A hint that these things of one kind changed; what nobody watches is forgotten. */
  async publish(_kind: TopicKind, _ids: readonly string[]): Promise<void> {}
}
