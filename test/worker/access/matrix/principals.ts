// The principals of the access matrix.
//
// People of every role, inside and outside of the organization; narrow tokens; credentials that are
// invalid or made for other routes.
import { afterEpoch, epoch, query } from "../../harness.ts"
import {
  givenKey,
  givenOrganization,
  givenProvisioner,
  givenUser,
  type GivenOrganization,
  type GivenProvisioner,
} from "../../given-people.ts"
import { givenTemplate } from "../../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../../given-workspaces.ts"
import { unique } from "../../rows.ts"

type Headers = Record<string, string>

/** Members of the organization, each with one role in it. */
const insiders = {
  member: [],
  organizationAuditor: ["organization-auditor"],
  organizationTemplateAdmin: ["organization-template-admin"],
  organizationUserAdmin: ["organization-user-admin"],
  organizationAdmin: ["organization-admin"],
}

/** Holders of a site role who are members of another organization only. */
const siteRoles = {
  auditor: ["auditor"],
  templateAdmin: ["template-admin"],
  userAdmin: ["user-admin"],
  owner: ["owner"],
}

/** Principals with a valid token. `self` owns the things of a place; each place has its own. */
export const people = [
  ...(Object.keys(insiders) as (keyof typeof insiders)[]),
  ...(Object.keys(siteRoles) as (keyof typeof siteRoles)[]),
  "self",
  "dormant",
  "stranger",
  "foreignAdmin",
  "ownerWithOtherScope",
  "ownerWithOtherList",
] as const
export type Person = (typeof people)[number]

/** Credentials that authenticate no person. */
export const refused = [
  "nobody",
  "malformed",
  "unknownKey",
  "wrongSecret",
  "expired",
  "suspended",
  "deleted",
  "agent",
  "endedAgent",
  "provisioner",
  "foreignProvisioner",
] as const
export type Refused = (typeof refused)[number]
export type Principal = Person | Refused

export type World = {
  organization: GivenOrganization
  foreign: GivenOrganization
  provisioner: GivenProvisioner
  /** The headers of each; those of `self` and `agent` belong to a place. */
  headers: Record<Exclude<Principal, "self" | "agent">, Headers>
  /** Ids of the people. */
  ids: Record<string, string>
}

const session = (token: string): Headers => ({ "Coder-Session-Token": token })
const daemonKey = ({ key }: GivenProvisioner): Headers => ({ "Coder-Provisioner-Daemon-Key": key })

export async function givenWorld(): Promise<World> {
  const [organization, foreign] = [await givenOrganization(), await givenOrganization()]
  const ids: Record<string, string> = {}
  // Filled below, name by name.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
  const headers = {} as World["headers"] & Record<string, Headers>
  const add = async (name: string, options: Parameters<typeof givenUser>[0]) => {
    const user = await givenUser(options)
    ids[name] = user.id
    headers[name] = session(user.token)
    return user
  }
  for (const [name, organizationRoles] of Object.entries(insiders)) {
    await add(name, { organization, organizationRoles })
  }
  for (const [name, roles] of Object.entries(siteRoles))
    await add(name, { organization: foreign, roles })
  await add("dormant", { organization, columns: { status: "dormant" } })
  await add("stranger", { organization: foreign })
  const foreignAdmin = await add("foreignAdmin", {
    organization: foreign,
    organizationRoles: ["organization-admin"],
  })
  await add("suspended", { organization, columns: { status: "suspended" } })
  await add("deleted", { organization, columns: { deleted: true } })
  const narrow = (columns: Record<string, unknown>) =>
    givenKey(ids["owner"] ?? "", {
      login_type: "token",
      token_name: `narrow-${unique(8)}`,
      ...columns,
    })
  headers["ownerWithOtherScope"] = session(await narrow({ scopes: ["group:read"] }))
  headers["ownerWithOtherList"] = session(
    await narrow({ allow_list: [`group:${crypto.randomUUID()}`] }),
  )
  headers["nobody"] = {}
  headers["malformed"] = session("not-a-token")
  headers["unknownKey"] = session(`${unique(10)}-${unique(22)}`)
  headers["wrongSecret"] = session((await givenKey(foreignAdmin.id)).slice(0, 11) + unique(22))
  headers["expired"] = session(await givenKey(ids["owner"] ?? "", { expires_at: afterEpoch(-1) }))
  const [provisioner, foreignProvisioner] = [
    await givenProvisioner({ organization }),
    await givenProvisioner({ organization: foreign }),
  ]
  headers["provisioner"] = daemonKey(provisioner)
  headers["foreignProvisioner"] = daemonKey(foreignProvisioner)
  headers["endedAgent"] = session(await endedAgentToken(foreignAdmin))
  // Accounts of the factories were last seen long ago: their first request writes, like the first
  // of a day.
  await query("update users set last_seen_at = $1 where id = $2", [epoch, ids["dormant"]])
  return { organization, foreign, provisioner, headers, ids }
}

/**
 * A copy with the same person and the same bounds of the token; other credentials stay as they are.
 */
export async function anotherSession(headers: Headers): Promise<Headers> {
  const id = headers["Coder-Session-Token"]?.slice(0, 10) ?? ""
  const [key] = await query(
    "select user_id, login_type, scopes, allow_list, expires_at from api_keys where id = $1",
    [id],
  )
  if (key === undefined) return headers
  const { user_id, ...columns } = key
  return session(
    await givenKey(user_id, {
      ...columns,
      token_name: columns.login_type === "token" ? unique(12) : "",
    }),
  )
}

/**
 * The token of an agent whose build was replaced. Also gives the foreign organization a template.
 */
async function endedAgentToken(owner: { id: string; organizationId: string }): Promise<string> {
  const workspace = await givenWorkspace(owner, await givenTemplate(owner))
  const { token } = await givenAgent(workspace, workspace.build)
  await givenBuild(workspace)
  return token
}
