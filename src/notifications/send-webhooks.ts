// Sends queued messages to webhooks, signed as the Standard Webhooks specification says.
//
// The target verifies the signature, and recognizes a repeated message by its id
// (standardwebhooks.com).
import { Webhook } from "standardwebhooks"
import { decryptToken } from "../access/token-cipher.ts"
import type { Database } from "../platform/db/client.ts"
import { messageOf, writeEvent } from "../platform/event.ts"
import { wireTime } from "../platform/http/wire.ts"
import { notificationText } from "./templates.ts"
import {
  type ClaimedDelivery,
  claimDeliveries,
  type DeliveryResult,
  recordDeliveries,
  webhookSubject,
} from "./webhook-statements.ts"
import { findWebhookUrlError } from "./webhook-url.ts"

const deliveriesMax = 200
/** Rounds of one tick: two thousand messages; the rest waits for the next tick. */
const roundsMax = 10
const timeoutMs = 5_000
const targetsAtOnce = 5

export type SendEnv = Pick<Env, "TOKEN_KEYS" | "WEBHOOK_PRIVATE_TARGETS">

/**
 * Runs behind the tick and never throws: no caller is left to handle the error. Deliveries that it
 * had claimed are claimed again after their lease. A target that failed is in back-off, so later
 * rounds serve the others.
 */
export async function sendWebhooks(db: Database, env: SendEnv, now: Date): Promise<void> {
  try {
    for (let round = 0; round < roundsMax; round++) {
      if ((await serveQueue(db, env, now)) < deliveriesMax) return
    }
  } catch (error) {
    writeEvent({
      event: "webhooks",
      outcome: "error",
      error: messageOf(error),
    })
  }
}

/**
 * Runs one round and returns how many deliveries it took. Each target is served in order and by
 * itself, so a slow one delays the others only briefly.
 */
async function serveQueue(db: Database, env: SendEnv, now: Date): Promise<number> {
  const claimed = await db.all(claimDeliveries(now, deliveriesMax))
  if (claimed.length === 0) return 0
  const byTarget = [...Map.groupBy(claimed, (delivery) => delivery.webhook_id).values()]
  const results: DeliveryResult[] = []
  const next = async (): Promise<void> => {
    for (let target = byTarget.pop(); target !== undefined; target = byTarget.pop()) {
      results.push(...(await serveTarget(target, env, now)))
    }
  }
  await Promise.all(Array.from({ length: targetsAtOnce }, next))
  const targets = await db.all(recordDeliveries(results, now))
  const failed = results.filter(({ error }) => error !== null)
  writeEvent({
    event: "webhooks",
    ...(failed.length > 0 && { outcome: "error" }),
    sent: results.length - failed.length,
    failed: failed.length,
    failing: targets.filter(({ failures }) => failures > 0),
  })
  return claimed.length
}

/** Sends the messages of one target. After a failure the rest waits for the back-off. */
async function serveTarget(
  deliveries: readonly ClaimedDelivery[],
  env: SendEnv,
  now: Date,
): Promise<DeliveryResult[]> {
  const results: DeliveryResult[] = []
  let error: string | null = null
  for (const delivery of deliveries) {
    error ??= await send(delivery, env, now)
    results.push({ message_id: delivery.message_id, webhook_id: delivery.webhook_id, error })
  }
  return results
}

async function send(delivery: ClaimedDelivery, env: SendEnv, now: Date): Promise<string | null> {
  const refusal = findWebhookUrlError(delivery.url, env.WEBHOOK_PRIVATE_TARGETS === "true")
  if (refusal !== null) return `the address ${refusal}`
  const secret = await decryptToken(
    env.TOKEN_KEYS,
    webhookSubject(delivery.webhook_id),
    delivery.encrypted_secret,
  )
  if (secret === null) return "the secret cannot be decrypted with the keys of the environment"
  const body = JSON.stringify(payloadOf(delivery))
  const signature = new Webhook(secret).sign(delivery.message_id, now, body)
  try {
    const response = await fetch(delivery.url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "webhook-id": delivery.message_id,
        "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
        "webhook-signature": signature,
      },
      body,
      // A redirect could lead to an address that is not allowed.
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    })
    await response.body?.cancel()
    return response.ok ? null : `the target answered ${response.status}`
  } catch (error) {
    const isTimeout = error instanceof Error && error.name === "TimeoutError"
    return isTimeout ? "the target did not answer in 5 s" : "the target could not be reached"
  }
}

function payloadOf({ template_id, labels, targets, user_id, created_at }: ClaimedDelivery) {
  const { type, title, content } = notificationText(template_id, labels)
  return {
    type,
    timestamp: wireTime(created_at),
    data: { notification_template_id: template_id, user_id, title, content, labels, targets },
  }
}
