// Webhook targets over HTTP, for administrators of the deployment.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { actorId, may } from "../access/may.ts"
import { encryptToken } from "../access/token-cipher.ts"
import { auditDiff } from "../audit/diff.ts"
import { auditInsert, type AuditRow } from "../audit/fragment.ts"
import { auditRequest } from "../audit/request.ts"
import { statement } from "../platform/db/client.ts"
import { badRequest, conflict, forbidden, notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import {
  errors,
  jsonBody,
  jsonRequest,
  timeSchema,
  uuidSchema,
  wireTime,
  wireTimeOrNull,
} from "../platform/http/wire.ts"
import { webhookSubject, type WebhookRow } from "./webhook-statements.ts"
import { findWebhookUrlError } from "./webhook-url.ts"

const urlLengthMax = 2048
const webhooksMax = 20

const webhookSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    created_at: timeSchema,
    failures: z.int().openapi({
      description: "Consecutive failed rounds; 0 if the last one succeeded.",
    }),
    next_attempt_at: timeSchema.nullable(),
    last_error: z.string().nullable(),
    last_success_at: timeSchema.nullable(),
    pending_count: z.int().openapi({ description: "Messages that wait for this target." }),
  })
  .openapi("NotificationWebhook")

const listRoute = createRoute({
  method: "get",
  path: "/notifications/webhooks",
  tags: ["Notifications"],
  summary: "List the webhooks and the state of their deliveries",
  responses: {
    200: jsonBody(z.array(webhookSchema), "The webhooks."),
    ...errors(401, 403, 429, 503),
  },
})

const createWebhookRoute = createRoute({
  method: "post",
  path: "/notifications/webhooks",
  tags: ["Notifications"],
  summary: "Send notifications to an address",
  description:
    "Messages are signed after the Standard Webhooks specification. The secret is shown this once.",
  request: { body: jsonRequest(z.object({ url: z.string().max(urlLengthMax) })) },
  responses: {
    201: jsonBody(
      webhookSchema.extend({ secret: z.string() }).openapi("NewNotificationWebhook"),
      "The webhook.",
    ),
    ...errors(400, 401, 403, 409, 429, 503),
  },
})

const deleteRoute = createRoute({
  method: "delete",
  path: "/notifications/webhooks/{id}",
  tags: ["Notifications"],
  summary: "Stop sending notifications to an address",
  request: { params: z.object({ id: uuidSchema }) },
  responses: { 204: { description: "Gone." }, ...errors(400, 401, 403, 404, 429, 503) },
})

const columns = sql`h.id, h.url, h.created_at, h.failures, h.next_attempt_at, h.last_error,
  h.last_success_at, (select count(*)::int from notification_deliveries d
    where d.webhook_id = h.id and d.status = 'pending') as pending_count`

const mayManage = may("update", "deployment_config")
const permissionFor = (url: string) =>
  statement<{ is_allowed: boolean; is_there: boolean }>(
    "webhooks.permission",
    sql`select ${mayManage} as is_allowed,
      exists (select from notification_webhooks h where h.url = ${url}) as is_there`,
  )

/** The audit row of the webhook `w`. Its secret is never written. */
const audited = (action: "create" | "delete", statusCode: number): AuditRow => ({
  resourceType: "notification_webhook",
  resourceId: sql`w.id`,
  resourceTarget: sql`w.url`,
  action,
  statusCode,
  diff: auditDiff({ url: { [action === "create" ? "new" : "old"]: sql`w.url` } }),
})

export const webhookRoutes = createRouter()
  .openapi(listRoute, async (c) => {
    const [[asked], rows] = await c.get("caller").batch([
      permissionFor(""),
      statement<WebhookRow>(
        "webhooks.list",
        sql`select ${columns} from notification_webhooks h where ${mayManage}
            order by h.created_at, h.id`,
      ),
    ])
    if (asked?.is_allowed !== true) throw forbidden()
    return c.json(rows.map(toView), 200)
  })
  .openapi(createWebhookRoute, async (c) => {
    const given = c.req.valid("json").url
    const url = URL.parse(given)?.href ?? given
    const problem = findWebhookUrlError(url, c.env.WEBHOOK_PRIVATE_TARGETS === "true")
    if (problem !== null) {
      throw badRequest("Invalid webhook address.", {
        validations: [{ field: "url", detail: problem }],
      })
    }
    const random = crypto.getRandomValues(new Uint8Array(24))
    const secret = `whsec_${Buffer.from(random).toString("base64")}`
    const id = crypto.randomUUID()
    const encrypted = await encryptToken(c.env.TOKEN_KEYS, webhookSubject(id), secret)
    const [[asked], [row]] = await c.get("caller").batch([
      permissionFor(url),
      statement<WebhookRow>(
        "webhooks.create",
        sql`with made as (
            insert into notification_webhooks as h
              (id, url, encrypted_secret, created_by, created_at)
            select ${id}::uuid, ${url}, ${encrypted}, ${actorId}, ${c.get("now")}::timestamptz
            where ${mayManage}
              and (select count(*) from notification_webhooks) < ${webhooksMax}::int
              and not exists (select from notification_webhooks o where o.url = ${url})
            returning h.*
          ), audited as (${auditInsert(auditRequest(c), audited("create", 201), sql`made w`)})
          select ${columns} from made h`,
      ),
    ])
    if (asked?.is_allowed !== true) throw forbidden()
    if (row === undefined && asked.is_there) {
      throw conflict("There is already a webhook with this address.", {
        validations: [{ field: "url", detail: "This value is already in use." }],
      })
    }
    if (row === undefined) {
      throw conflict(`There are already ${webhooksMax} webhooks, the maximum.`)
    }
    return c.json({ ...toView(row), secret }, 201)
  })
  .openapi(deleteRoute, async (c) => {
    const [row] = await c.get("caller").query(
      statement<{ is_allowed: boolean; found: boolean }>(
        "webhooks.delete",
        sql`with gone as (
            delete from notification_webhooks
            where id = ${c.req.valid("param").id}::uuid and ${mayManage} returning id, url
          ), audited as (${auditInsert(auditRequest(c), audited("delete", 204), sql`gone w`)})
          select ${mayManage} as is_allowed, exists (select from gone) as found`,
      ),
    )
    if (row?.is_allowed !== true) throw forbidden()
    if (!row.found) throw notFound()
    return c.body(null, 204)
  })

function toView({ created_at, next_attempt_at, last_success_at, ...row }: WebhookRow) {
  return {
    ...row,
    created_at: wireTime(created_at),
    next_attempt_at: wireTimeOrNull(next_attempt_at),
    last_success_at: wireTimeOrNull(last_success_at),
  }
}
