// Factories for callers: organizations, people with a session, provisioner daemons. Defaults are
// valid.
import { afterEpoch, epoch } from "./epoch.ts"
import { query } from "./harness.ts"
import { inserting, insertRow, sha256, unique, writeAll, type Row, type Write } from "./rows.ts"

const yearMs = 365 * 24 * 60 * 60_000

export type GivenOrganization = { id: string; name: string }
export type GivenUser = {
  id: string
  username: string
  email: string
  token: string
  organizationId: string
}

export async function defaultOrganization(): Promise<GivenOrganization> {
  const [row] = await query<GivenOrganization>(
    "select id, name from organizations where is_default",
  )
  if (row === undefined) throw new Error("no default organization")
  return row
}

// The migration creates it before the databases are copied, so all of them have one id.
let defaultId: string | undefined

async function defaultOrganizationId(): Promise<string> {
  defaultId ??= (await defaultOrganization()).id
  return defaultId
}

export async function givenOrganization(columns: Row = {}): Promise<GivenOrganization> {
  const row = await insertRow("organizations", {
    id: crypto.randomUUID(),
    name: `org-${unique(8)}`,
    created_at: epoch,
    updated_at: epoch,
    ...columns,
  })
  return { id: row.id, name: row.name }
}

/**
 * An active person with a session token, a member of `organization` or of the default one.
 *
 * @example const owner = await givenUser({ roles: ["owner"] })
 */
export async function givenUser(
  options: {
    roles?: string[]
    organization?: GivenOrganization
    organizationRoles?: string[]
    columns?: Row
  } = {},
): Promise<GivenUser> {
  const id = crypto.randomUUID()
  const name = `user-${unique(8)}`
  const user = {
    id,
    username: name,
    email: `${name}@example.test`,
    status: "active",
    site_roles: options.roles ?? [],
    created_at: epoch,
    updated_at: epoch,
    last_seen_at: epoch,
    ...options.columns,
  }
  const organizationId = options.organization?.id ?? (await defaultOrganizationId())
  const member = {
    user_id: user.id,
    organization_id: organizationId,
    roles: options.organizationRoles ?? [],
    created_at: epoch,
    updated_at: epoch,
  }
  const key = await newKey(user.id)
  await writeAll(inserting("users", user), inserting("organization_members", member), key.write)
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    token: key.token,
    organizationId,
  }
}

/** A session that is valid for a year from the epoch. Returns the token. */
export async function givenKey(userId: string, columns: Row = {}): Promise<string> {
  const { token, write } = await newKey(userId, columns)
  await writeAll(write)
  return token
}

async function newKey(userId: string, columns: Row = {}): Promise<{ token: string; write: Write }> {
  const id = unique(10)
  const secret = unique(22)
  const write = inserting("api_keys", {
    id,
    user_id: userId,
    hashed_secret: await sha256(secret),
    login_type: "password",
    lifetime_seconds: yearMs / 1000,
    last_used_at: epoch,
    expires_at: afterEpoch(yearMs),
    created_at: epoch,
    updated_at: epoch,
    ...columns,
  })
  return { token: `${id}-${secret}`, write }
}

export type GivenProvisioner = {
  key: string
  keyId: string
  daemonId: string
  organizationId: string
}

/** A provisioner key and a daemon that uses it, alive at the epoch. */
export async function givenProvisioner(
  options: {
    organization?: GivenOrganization
    tags?: Record<string, string>
    columns?: Row
  } = {},
): Promise<GivenProvisioner> {
  const organizationId = options.organization?.id ?? (await defaultOrganizationId())
  const tags = options.tags ?? { scope: "organization", owner: "" }
  const key = `${unique(32)}${unique(11)}`
  const keyRow = {
    id: crypto.randomUUID(),
    organization_id: organizationId,
    name: `key-${unique(8)}`,
    hashed_secret: await sha256(key),
    tags,
    created_at: epoch,
  }
  const daemon = {
    id: crypto.randomUUID(),
    organization_id: organizationId,
    key_id: keyRow.id,
    name: `daemon-${unique(8)}`,
    provisioners: ["terraform"],
    tags,
    created_at: epoch,
    last_seen_at: epoch,
    ...options.columns,
  }
  await writeAll(inserting("provisioner_keys", keyRow), inserting("provisioner_daemons", daemon))
  return { key, keyId: keyRow.id, daemonId: daemon.id, organizationId }
}
