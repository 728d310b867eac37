// The git key of a user over HTTP. Only agents and daemons receive its private half.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { ensureGitKey, mintGitKey, type GitKeyRow, type NewGitKey } from "../../access/git-key.ts"
import { auditDiff } from "../../audit/diff.ts"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { auditRequest } from "../../audit/request.ts"
import { userIdOf } from "../../access/lookup.ts"
import { statement } from "../../platform/db/client.ts"
import { conflict } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, timeSchema, uuidSchema, wireTime } from "../../platform/http/wire.ts"
import { userParam } from "./read-routes.ts"
import { mayUser, requireAllowed, requireUserTarget, userTarget } from "./target.ts"

const gitKeySchema = z
  .object({
    user_id: uuidSchema,
    created_at: timeSchema,
    updated_at: timeSchema,
    public_key: z.string().openapi({ description: "A line for `authorized_keys`." }),
  })
  .openapi("GitSSHKey")

const readRoute = createRoute({
  method: "get",
  path: "/users/{user}/gitsshkey",
  tags: ["Users"],
  summary: "Read the public half of a user's git key",
  request: { params: userParam },
  responses: { 200: jsonBody(gitKeySchema, "The key."), ...errors(401, 403, 404, 429, 503) },
})

const renewRoute = createRoute({
  method: "put",
  path: "/users/{user}/gitsshkey",
  tags: ["Users"],
  summary: "Renew a user's git key",
  description: "The old pair is gone. Workspaces get the new one with their next read or build.",
  request: { params: userParam },
  responses: {
    200: jsonBody(gitKeySchema, "The new key."),
    ...errors(401, 403, 404, 409, 429, 503),
  },
})

const keyOfUser = (user: string) =>
  statement<GitKeyRow>(
    "users.git-key",
    sql`select k.* from user_git_keys k join users u on u.id = k.user_id
      where u.id = ${userIdOf(user)} and ${mayUser("read_personal")}`,
  )

/** Stores the new pair. Of two renewals at once, the later one stays. */
const renewKey = (userId: string, key: NewGitKey, request: AuditRequest) =>
  statement<GitKeyRow>(
    "users.renew-git-key",
    sql`with stored as (
        insert into user_git_keys (user_id, encrypted_seed, public_key, created_at, updated_at)
        select u.id, ${key.encryptedSeed}, ${key.publicKey}, ${request.now}::timestamptz,
          ${request.now}::timestamptz
        from users u where u.id = ${userId}::uuid and ${mayUser("update_personal")}
        on conflict (user_id) do update set encrypted_seed = excluded.encrypted_seed,
          public_key = excluded.public_key, updated_at = excluded.updated_at
        returning *
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "git_ssh_key",
          resourceId: sql`s.user_id`,
          resourceTarget: sql`u.username`,
          action: "write",
          diff: auditDiff({
            public_key: { new: sql`s.public_key` },
            private_key: { new: sql`s.encrypted_seed`, isSecret: true },
          }),
        },
        sql`stored s join users u on u.id = s.user_id`,
      )})
      select * from stored`,
  )

const toView = (row: GitKeyRow): z.input<typeof gitKeySchema> => ({
  user_id: row.user_id,
  created_at: wireTime(row.created_at),
  updated_at: wireTime(row.updated_at),
  public_key: row.public_key,
})

export const gitKeyRoutes = createRouter()
  .openapi(readRoute, async (c) => {
    const { user } = c.req.valid("param")
    const caller = c.get("caller")
    const [targets, [found]] = await caller.batch([
      userTarget(user, "read_personal"),
      keyOfUser(user),
    ])
    const target = requireUserTarget(targets)
    requireAllowed(target)
    const { TOKEN_KEYS } = c.env
    const { row } = await ensureGitKey(caller, TOKEN_KEYS, target.id, found, c.get("now"))
    return c.json(toView(row), 200)
  })
  .openapi(renewRoute, async (c) => {
    const caller = c.get("caller")
    const target = requireUserTarget(
      await caller.query(userTarget(c.req.valid("param").user, "update_personal")),
    )
    requireAllowed(target)
    const key = await mintGitKey(c.env.TOKEN_KEYS, target.id)
    const [row] = await caller.query(renewKey(target.id, key, auditRequest(c)))
    if (row === undefined)
      throw conflict("The user was changed at the same time. Please try again.")
    return c.json(toView(row), 200)
  })
