// Delivers the outbox: to the inboxes within the tick, to webhooks behind it.
//
// A webhook target that does not answer therefore never delays the tick.
import { publishInbox } from "../platform/durable/publish.ts"
import type { Sweep, SweepContext } from "../sweeps.ts"
import {
  deliverToInbox,
  type InboxEntry,
  type PendingMessage,
  pendingMessages,
} from "./outbox-statements.ts"
import { sendWebhooks } from "./send-webhooks.ts"
import { notificationText } from "./templates.ts"

const batchSizeMax = 500
const batchesMax = 40

export const notificationsSweep: Sweep = { name: "notifications", run: deliverNotifications }

async function deliverNotifications(context: SweepContext): Promise<Record<string, number>> {
  const { db, env, now } = context
  let delivered = 0
  for (let batch = 0; batch < batchesMax; batch++) {
    const messages = await db.all(pendingMessages(now, batchSizeMax))
    if (messages.length === 0) break
    const entries = messages.map((message) => toInboxEntry(message, env.ACCESS_URL))
    const taken = new Set((await db.all(deliverToInbox(entries, now))).map(({ id }) => id))
    delivered += taken.size
    const users = entries.filter(({ id }) => taken.has(id)).map((entry) => entry.user_id)
    context.waitUntil(publishInbox(env, users))
  }
  context.waitUntil(sendWebhooks(db, env, now))
  return { delivered }
}

function toInboxEntry(message: PendingMessage, accessUrl: string): InboxEntry {
  const { title, content } = notificationText(message.template_id, message.labels)
  const { workspace_name, owner_name } = message
  return {
    id: message.id,
    user_id: message.user_id,
    template_id: message.template_id,
    targets: message.targets,
    title,
    content,
    icon: "DEFAULT_ICON_WORKSPACE",
    actions:
      workspace_name === null
        ? []
        : [{ label: "View workspace", url: `${accessUrl}/@${owner_name}/${workspace_name}` }],
  }
}
