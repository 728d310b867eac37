// Permission checks in advance: clients show or hide controls by them.
import { createRoute, z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import {
  isAllowed,
  roleHolderOf,
  type ProtectedObject,
  type RoleHolder,
} from "../access/is-allowed.ts"
import { actions, resources, type Action, type Resource } from "../access/permissions.ts"
import { statement } from "../platform/db/client.ts"
import { json } from "../platform/db/sql.ts"
import { badRequest } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, nilUuid, uuidSchema } from "../platform/http/wire.ts"

const resourceIdsMax = 10

const checkSchema = z.object({
  object: z.object({
    resource_type: z.string().max(64).default(""),
    owner_id: z.string().max(64).nullish(),
    organization_id: z.string().max(64).nullish(),
    resource_id: z.string().max(64).nullish(),
    any_org: z.boolean().nullish(),
  }),
  action: z.string().max(64),
})
type Check = z.output<typeof checkSchema>

const authCheckRoute = createRoute({
  method: "post",
  path: "/authcheck",
  tags: ["Authorization"],
  summary: "Ask what the caller may do",
  request: {
    body: jsonRequest(
      z
        .object({
          checks: z
            .record(z.string().max(256), checkSchema)
            .refine((checks) => Object.keys(checks).length <= 256, { error: "too many checks" }),
        })
        .openapi("AuthorizationRequest"),
    ),
  },
  responses: {
    200: jsonBody(z.record(z.string(), z.boolean()), "An answer for each key."),
    ...errors(400, 401, 429, 503),
  },
})

type Found = {
  type: string
  id: string
  owner: string | null
  organization: string | null
  isPrivate: boolean
}

/** The objects of each kind, with owner and organization, as rows of `Found`. */
const places: Record<string, SQL> = {
  workspace: sql`select 'workspace' as type, w.id, w.owner_id as owner, w.organization_id
    as organization, false as is_private from workspaces w where not w.deleted`,
  template: sql`select 'template', t.id, null::uuid, t.organization_id,
    t.disable_everyone_group_access from templates t where not t.deleted`,
  user: sql`select 'user', u.id, u.id, null::uuid, false from users u where not u.deleted
    and not u.is_system`,
  group: sql`select 'group', g.id, null::uuid, g.organization_id, false from groups g`,
}

const findObjects = (wanted: { type: string; id: string }[]) =>
  statement<Found>(
    "authcheck.objects",
    sql`select p.type, p.id, p.owner, p.organization, p.is_private as "isPrivate"
      from (${sql.join(Object.values(places), sql` union all `)}) p
      join jsonb_to_recordset(${json(wanted)}) as wanted (type text, id uuid)
        on wanted.type = p.type and wanted.id = p.id`,
  )

/** The ids in the checks. Throws a 400 that names the first invalid one. */
function readWanted(checks: [string, Check][]): { type: string; id: string }[] {
  const wanted: { type: string; id: string }[] = []
  for (const [key, { object }] of checks) {
    const { resource_type: type, resource_id: id } = object
    if (type === "") {
      throw badRequest(
        `Object's "resource_type" field must be defined for key ${JSON.stringify(key)}.`,
      )
    }
    if (!id) continue
    const invalid = (field: string, message: string) =>
      badRequest(message, { validations: [{ field, detail: message }] })
    if (!uuidSchema.safeParse(id).success) {
      throw invalid("resource_id", `Object ${JSON.stringify(id)} is not a valid uuid.`)
    }
    if (!Object.hasOwn(places, type)) {
      throw invalid(
        "resource_type",
        `Object type ${JSON.stringify(type)} does not support "resource_id" field.`,
      )
    }
    wanted.push({ type, id: id.toLowerCase() })
  }
  if (wanted.length > resourceIdsMax) {
    throw badRequest(
      `"resource_id" may be used in no more than ${resourceIdsMax} checks of one request.`,
    )
  }
  return wanted
}

const isAction = (text: string): text is Action => actions.some((action) => action === text)
const isResource = (text: string): text is Resource | "*" =>
  text === "*" || resources.some((resource) => resource === text)

function answer(who: RoleHolder, { object, action }: Check, found: Found[]): boolean {
  const { resource_type: type, resource_id: id, any_org: isAnyOrganization } = object
  if (!isAction(action) || !isResource(type)) return false
  const asks = (place: ProtectedObject) => isAllowed(who, action, type, place)
  if (id) {
    const it = found.find(
      (candidate) => candidate.type === type && candidate.id === id.toLowerCase(),
    )
    return it !== undefined && asks(it)
  }
  const owner = object.owner_id === "me" ? who.id : object.owner_id || undefined
  if (isAnyOrganization) {
    return [undefined, ...Object.keys(who.organizations)].some((organization) =>
      asks({ owner, organization }),
    )
  }
  const organization =
    object.organization_id === nilUuid ? undefined : object.organization_id || undefined
  return asks({ owner, organization })
}

export const authCheckRoutes = createRouter().openapi(authCheckRoute, async (c) => {
  const caller = c.get("caller")
  const checks = Object.entries(c.req.valid("json").checks)
  const wanted = readWanted(checks)
  const found = wanted.length === 0 ? [] : await caller.query(findObjects(wanted))
  const who = roleHolderOf(await caller.actor())
  return c.json(
    Object.fromEntries(checks.map(([key, check]) => [key, answer(who, check, found)])),
    200,
  )
})
