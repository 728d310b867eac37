// Provisioner keys over HTTP, for administrators of an organization's daemons.
import { createRoute, z } from "@hono/zod-openapi"
import { auditRequest } from "../../audit/request.ts"
import { sha256 } from "../../platform/hash.ts"
import { ApiError, conflict, forbidden, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, timeSchema } from "../../platform/http/wire.ts"
import { normaliseTags, tagSet } from "../tags.ts"
import { wireInstant } from "../view.ts"
import { createKey, deleteKey, listKeys, type ListedKey } from "./key-statements.ts"

const tags = ["Provisioners"]
const organizationParam = z.object({ organization: z.string() })

/**
 * Names of keys in the reference's grouped list, and a path segment where a key's name may stand.
 */
export const reservedKeyNames: ReadonlySet<string> = new Set([
  "built-in",
  "user-auth",
  "psk",
  "daemons",
])

const keyName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?$/)
  .refine((name) => !reservedKeyNames.has(name.toLowerCase()), { error: "is reserved" })

export const keySchema = z
  .object({
    id: z.uuid(),
    organization: z.uuid(),
    name: z.string(),
    tags: z.record(z.string(), z.string()),
    created_at: timeSchema,
  })
  .openapi("ProvisionerKey")

export const keyRoutes = createRouter()

const create = createRoute({
  method: "post",
  path: "/organizations/{organization}/provisionerkeys",
  tags,
  summary: "Make a key for provisioner daemons",
  request: {
    params: organizationParam,
    body: jsonRequest(z.object({ name: keyName, tags: tagSet.nullish() })),
  },
  responses: {
    201: jsonBody(z.object({ key: z.string() }), "The key. It is shown this once."),
    ...errors(400, 401, 403, 404, 409),
  },
})

keyRoutes.openapi(create, async (c) => {
  const { name, tags: given } = c.req.valid("json")
  const secret = newSecret()
  const [asked] = await c.var.caller.query(
    createKey(
      {
        id: crypto.randomUUID(),
        organization: c.req.valid("param").organization,
        name,
        tags: normaliseTags("", given ?? {}),
        hash: await sha256(secret),
        now: c.var.now,
      },
      auditRequest(c),
    ),
  )
  if (!asked) throw notFound()
  if (!asked.allowed) throw forbidden()
  if (!asked.created) {
    throw conflict(
      `Provisioner key with name ${JSON.stringify(name)} already exists in organization`,
      {
        validations: [
          { field: "name", detail: "This value is already in use and should be unique." },
        ],
      },
    )
  }
  return c.json({ key: secret }, 201)
})

const list = createRoute({
  method: "get",
  path: "/organizations/{organization}/provisionerkeys",
  tags,
  summary: "The keys of an organization",
  request: { params: organizationParam },
  responses: {
    200: jsonBody(z.array(keySchema), "The keys, without their secrets."),
    ...errors(401, 404),
  },
})

keyRoutes.openapi(list, async (c) => {
  const [found] = await c.var.caller.query(listKeys(c.req.valid("param").organization))
  if (!found) throw notFound()
  return c.json(found.keys.map(toKeyView), 200)
})

export const toKeyView = ({ organization_id, created_at, ...key }: ListedKey) => ({
  ...key,
  organization: organization_id,
  created_at: wireInstant(created_at),
})

const remove = createRoute({
  method: "delete",
  path: "/organizations/{organization}/provisionerkeys/{name}",
  tags,
  summary: "Revoke a key",
  request: { params: organizationParam.extend({ name: z.string() }) },
  responses: {
    204: { description: "The key and its daemons are gone." },
    ...errors(401, 403, 404),
  },
})

keyRoutes.openapi(remove, async (c) => {
  const { organization, name } = c.req.valid("param")
  const [asked] = await c.var.caller.query(deleteKey(organization, name, auditRequest(c)))
  if (!asked) throw notFound()
  if (!asked.allowed) throw forbidden()
  if (!asked.deleted)
    throw new ApiError(404, `Provisioner key ${JSON.stringify(name)} does not exist.`)
  return c.body(null, 204)
})

/** Returns 43 characters of 256 random bits. */
function newSecret(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url")
}
