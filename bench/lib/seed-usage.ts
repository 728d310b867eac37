// People with tokens and running workspaces, for the usage bench.
import { createHash } from "node:crypto"
import type { Client } from "pg"
import { bulkEpoch, seedTemplate, seedWorkspaces, type Population } from "./seed-workspaces.ts"

export type Heartbeat = { path: string; token: string }

/**
 * `count` running workspaces, and for each the ping of its owner. Their keys are as a working day
 * leaves them at `at`. Half are tokens and half are sessions of a day. Each was used, and each
 * session extended, at some instant of the hour before.
 */
export async function seedHeartbeats(
  client: Client,
  count: number,
  at: Date,
): Promise<{ population: Population; heartbeats: Heartbeat[] }> {
  const population = await seedTemplate(client, at)
  await seedWorkspaces(client, population, { from: 0, count }, new Date(at.getTime() + 86_400_000))
  const { ownerIds } = population
  await client.query(
    `insert into organization_members (user_id, organization_id, roles, created_at, updated_at)
     select id, (select id from organizations where is_default), '{}', $2, $2
       from unnest($1::uuid[]) id`,
    [ownerIds, bulkEpoch],
  )
  const keys = ownerIds.map((_, n) => ({
    id: `k${String(n).padStart(9, "0")}`,
    secret: `s${String(n).padStart(21, "0")}`,
  }))
  await client.query(
    `insert into api_keys (id, user_id, hashed_secret, login_type, lifetime_seconds, last_used_at,
      expires_at, created_at, updated_at)
     select id, user_id, decode(hash, 'hex'), login_type, lifetime, used_at,
       used_at + make_interval(secs => lifetime), $4, used_at
     from unnest($1::text[], $2::uuid[], $3::text[]) with ordinality k(id, user_id, hash, n),
       lateral (select case when n % 2 = 0 then 'token' else 'password' end as login_type,
         case when n % 2 = 0 then 8640000 else 86400 end as lifetime,
         $4::timestamptz - make_interval(secs => n * 617 % 3600) as used_at) as made`,
    [
      keys.map((key) => key.id),
      ownerIds,
      keys.map((key) => createHash("sha256").update(key.secret).digest("hex")),
      at,
    ],
  )
  await client.query("analyze")
  const { rows } = await client.query<{ id: string; owner: number }>(
    `select w.id, array_position($1::uuid[], w.owner_id) - 1 as owner from workspaces w
      order by w.name`,
    [ownerIds],
  )
  const heartbeats = rows.map(({ id, owner }) => ({
    path: `/api/v2/workspaces/${id}/usage`,
    token: `${keys[owner]?.id}-${keys[owner]?.secret}`,
  }))
  return { population, heartbeats }
}
