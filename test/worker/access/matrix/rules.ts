// The expected answers of the access matrix, written from the rules, not from observed answers.
//
// The roles say who can see a kind of thing and who can act on it; each route belongs to one kind.
// A thing that the caller cannot see answers 404.
import { people, type Person, type Principal } from "./principals.ts"

/** The credential that a route takes. */
type Credential =
  | "none"
  | "person"
  | "agent"
  | "person or agent"
  | "provisioner"
  | "own provisioner"

export type Rule = {
  /** `METHOD path`, without the prefix. */
  routes: RegExp[]
  credential?: Credential
  /** Who can see the thing. The others get `unseen`. */
  see?: readonly Person[]
  /** Who may do it. Those who can only see it get 403. */
  may?: readonly Person[]
  /** 404 for a hidden thing, 403 for a route without a thing. */
  unseen?: 403 | 404
  /** Other statuses, from the rules of the thing itself. */
  but?: Partial<Record<Person, number>>
}

// Members of the organization. A dormant account becomes active by its request and is a member too.
const insiders = [
  "member",
  "dormant",
  "self",
  "organizationAuditor",
  "organizationTemplateAdmin",
  "organizationUserAdmin",
  "organizationAdmin",
] as const
const everyone = people
const withWholeTokens = people.filter((person) => !person.startsWith("ownerWithOther"))
// Template admins of either reach, and those who hold more permissions.
const templateAdmins = [
  "organizationTemplateAdmin",
  "organizationAdmin",
  "templateAdmin",
  "owner",
] as const
const memberAdmins = ["organizationUserAdmin", "organizationAdmin", "userAdmin", "owner"] as const
const userAdmins = ["userAdmin", "owner"] as const

const seeOrganization = [...insiders, "auditor", "templateAdmin", "userAdmin", "owner"] as const
const seeMembers = [
  "self",
  "organizationAuditor",
  "organizationTemplateAdmin",
  "organizationUserAdmin",
  "organizationAdmin",
  "auditor",
  "templateAdmin",
  "userAdmin",
  "owner",
] as const
const seeUser = ["self", "auditor", "templateAdmin", "userAdmin", "owner"] as const
const seeTemplate = [...insiders, "auditor", "templateAdmin", "owner"] as const
const seeInsights = [...templateAdmins, "organizationAuditor", "auditor"] as const
const seeWorkspace = ["self", ...templateAdmins] as const
const actOnWorkspace = ["self", "organizationAdmin", "owner"] as const

const workspace = String.raw`/workspaces/\{workspace\}`
const build = String.raw`/workspacebuilds/\{build\}`
const agent = String.raw`/workspaceagents/\{agent\}`
const user = String.raw`/users/\{user\}`
const organization = String.raw`/organizations/\{organization\}`
const member = String.raw`${organization}/members/\{user\}`
const template = String.raw`/templates/\{(id|template)\}`
const version = String.raw`/templateversions/\{id\}`
const organizationTemplate = String.raw`${organization}/templates/\{(name|template)\}`
const on = (methods: string, ...paths: string[]) =>
  paths.map((path) => new RegExp(`^(${methods}) ${path}$`))

export const rules: Record<string, Rule> = {
  "open to all": {
    credential: "none",
    routes: [
      ...on(
        "GET",
        "",
        "/buildinfo",
        "/updatecheck",
        "/entitlements",
        "/auth/scopes",
        "/users/authmethods",
      ),
      ...on("GET", "/users/first", String.raw`/init-script/\{os\}/\{arch\}`),
      ...on("POST", "/users/first", "/users/login", "/users/validate-password"),
    ],
  },
  "the agent's own": {
    credential: "agent",
    routes: on("GET|POST|PATCH|DELETE", "/workspaceagents/me/.*"),
  },
  "announcing a daemon": { credential: "provisioner", routes: on("POST", "/provisionerdaemons") },
  "a daemon's work": {
    credential: "own provisioner",
    routes: on("GET|POST", "/provisionerdaemons/.*"),
  },
  "how the deployment presents itself": {
    credential: "person or agent",
    routes: on("GET", "/appearance"),
    may: everyone,
  },
  "for every signed-in user": {
    routes: [
      ...on("GET", "/experiments", "/experiments/available", "/deployment/ssh", "/regions"),
      ...on("GET", "/applications/host", "/external-auth"),
      ...on("GET", "/prebuilds/settings", "/templates/examples"),
      ...on("GET", "/notifications/dispatch-methods", "/notifications/templates/system"),
      ...on("POST", "/authcheck", "/users/logout"),
    ],
    may: everyone,
  },
  "for every signed-in user whose token is not narrow": {
    routes: [
      ...on("GET", "/users/roles", "/notifications/inbox", "/notifications/inbox/watch"),
      ...on("PUT", "/notifications/inbox/mark-all-as-read"),
    ],
    may: withWholeTokens,
    unseen: 403,
  },
  "custom roles, which are not served": {
    routes: on("POST", `${organization}/members/roles`),
    see: seeOrganization,
  },
  // The answer says for each item whether it was accepted. The tests of usage prove that it refuses
  // other people's.
  "use that was seen, by the batch": {
    routes: on("POST", "/workspaces/usage", "/workspaces/app-stats"),
    may: everyone,
  },
  "lists of what the caller can see": {
    routes: on("GET", "/users", "/organizations", "/groups", "/templates", "/workspaces"),
    may: everyone,
  },
  "an organization": {
    routes: on(
      "GET",
      organization,
      `${organization}/members`,
      `${organization}/paginated-members`,
      `${organization}/members/roles`,
      `${organization}/groups`,
    ),
    see: seeOrganization,
    may: seeOrganization,
  },
  "a member": { routes: on("GET", member), see: seeMembers, may: seeMembers },
  "making a member": { routes: on("POST", member), see: seeOrganization, may: memberAdmins },
  "changing a member": {
    routes: [...on("DELETE", member), ...on("PUT", `${member}/roles`)],
    see: seeMembers,
    may: memberAdmins,
    but: { self: 400 },
  },
  "a user": {
    routes: on(
      "GET",
      user,
      `${user}/roles`,
      `${user}/organizations`,
      String.raw`${user}/organizations/\{organizationname\}`,
    ),
    see: seeUser,
    may: seeUser,
  },
  "making a user": { routes: on("POST", "/users"), may: userAdmins, unseen: 403 },
  "deleting a user": { routes: on("DELETE", user), see: seeUser, may: userAdmins },
  "a user's status": {
    routes: on("PUT", `${user}/status/activate`),
    see: seeUser,
    may: userAdmins,
  },
  "what nobody does to themselves": {
    routes: on("PUT", `${user}/status/suspend`, `${user}/roles`),
    see: seeUser,
    may: userAdmins,
    but: { self: 400 },
  },
  "a user's own settings": {
    routes: [
      ...on("PUT", `${user}/profile`, `${user}/password`, `${user}/quiet-hours`),
      ...on("GET", `${user}/quiet-hours`, `${user}/autofill-parameters`),
      ...on(
        "GET|PUT",
        `${user}/(appearance|preferences|gitsshkey)`,
        `${user}/notifications/preferences`,
      ),
    ],
    see: seeUser,
    may: ["self", ...userAdmins],
  },
  "how a user signs in": { routes: on("GET", `${user}/login-type`), see: seeUser, may: ["self"] },
  "making a key": {
    routes: on("POST", `${user}/keys`, `${user}/keys/tokens`),
    see: seeUser,
    may: ["self", "owner"],
  },
  "a user's keys, those that the caller can see": {
    routes: on("GET", `${user}/keys/tokens`, `${user}/keys/tokens/tokenconfig`),
    see: seeUser,
    may: seeUser,
  },
  "a key": {
    routes: [
      ...on("GET|DELETE", String.raw`${user}/keys/\{keyid\}`),
      ...on("GET", String.raw`${user}/keys/tokens/\{keyname\}`),
      ...on("PUT", String.raw`${user}/keys/\{keyid\}/expire`),
    ],
    see: ["self", "owner"],
    may: ["self", "owner"],
  },
  "a notification": {
    routes: on("PUT", String.raw`/notifications/inbox/\{id\}/read-status`),
    see: ["self"],
    may: ["self"],
  },
  "the deployment's settings": {
    routes: [
      ...on("PUT", "/prebuilds/settings", "/appearance", "/debug/health/settings"),
      ...on("GET|POST", "/notifications/webhooks"),
      ...on("DELETE", String.raw`/notifications/webhooks/\{id\}`),
    ],
    may: ["owner"],
    unseen: 403,
  },
  "the deployment's figures": {
    routes: on(
      "GET",
      "/deployment/stats",
      "/deployment/config",
      "/debug/health",
      "/debug/health/settings",
    ),
    may: ["auditor", "owner"],
    unseen: 403,
  },
  // An auditor of an organization reads its rows.
  "the audit trail": {
    routes: on("GET", "/audit", "/connectionlog"),
    may: ["organizationAuditor", "organizationAdmin", "foreignAdmin", "auditor", "owner"],
    unseen: 403,
  },
  // The caller must be allowed to see the insights of at least one template.
  "figures over templates": {
    routes: on("GET", "/insights/daus"),
    may: [...seeInsights, "foreignAdmin"],
    unseen: 403,
  },
  "figures over people": {
    routes: on("GET", "/insights/user-status-counts"),
    may: ["auditor", "templateAdmin", "userAdmin", "owner"],
    unseen: 403,
  },
  "a template's insights": {
    routes: on("GET", "/insights/templates", "/insights/user-activity", "/insights/user-latency"),
    see: seeTemplate,
    may: seeInsights,
  },
  "a template": {
    routes: [
      ...on(
        "GET",
        template,
        `${template}/versions`,
        String.raw`${template}/versions/\{name\}`,
        `${template}/daus`,
        `${template}/prebuilds`,
      ),
      ...on(
        "GET",
        organizationTemplate,
        String.raw`${organizationTemplate}/versions/\{name\}(/previous)?`,
        `${organization}/templates(/examples)?`,
      ),
      ...on(
        "GET",
        version,
        `${version}/(rich-parameters|variables|presets|resources|logs)`,
        String.raw`${version}/(external-auth|schema|parameters)`,
      ),
      ...on("POST", `${version}/dynamic-parameters/evaluate`),
    ],
    see: seeTemplate,
    may: seeTemplate,
  },
  "changing templates": {
    routes: [
      ...on(
        "POST",
        `${organization}/templates`,
        `${organization}/templateversions`,
        `${template}/versions/archive`,
        `${template}/prebuilds/invalidate`,
      ),
      ...on("PATCH", template, version, `${template}/versions`, `${version}/cancel`),
      ...on("POST", `${version}/(archive|unarchive)`),
      ...on("DELETE", template),
      ...on("GET", `${template}/acl`),
    ],
    see: seeTemplate,
    may: templateAdmins,
  },
  "using a template": {
    routes: on("POST", `${version}/dry-run`),
    see: seeTemplate,
    may: [...insiders, "templateAdmin", "owner"],
  },
  "a dry run": {
    routes: on(
      "GET|PATCH",
      String.raw`${version}/dry-run/\{job\}(/matched-provisioners|/resources|/logs|/cancel)?`,
    ),
    see: ["self", ...templateAdmins],
    may: ["self", ...templateAdmins],
  },
  "putting in a file": {
    routes: on("POST", "/files"),
    may: people.filter(
      (person) => person !== "ownerWithOtherScope" && person !== "ownerWithOtherList",
    ),
    unseen: 403,
  },
  "a file": {
    routes: on("GET", String.raw`/files/\{id\}`),
    see: ["self", ...templateAdmins],
    may: ["self", ...templateAdmins],
  },
  "the queue and its daemons": {
    routes: on(
      "GET",
      `${organization}/provisionerkeys(/daemons)?`,
      `${organization}/provisionerdaemons`,
      `${organization}/provisionerjobs`,
    ),
    see: templateAdmins,
    may: templateAdmins,
  },
  "a job of the queue": {
    routes: on("GET", String.raw`${organization}/provisionerjobs/\{job\}`),
    see: ["self", ...templateAdmins],
    may: ["self", ...templateAdmins],
  },
  "changing daemons' keys": {
    routes: [
      ...on("POST", `${organization}/provisionerkeys`),
      ...on("DELETE", String.raw`${organization}/provisionerkeys/\{name\}`),
    ],
    see: templateAdmins,
    may: templateAdmins,
  },
  "a workspace": {
    routes: [
      ...on(
        "GET",
        workspace,
        `${workspace}/(timings|resolve-autostart|watch|watch-ws|lifecycle|builds|port-share)`,
      ),
      ...on(
        "GET",
        String.raw`${user}/workspace/\{workspacename\}`,
        String.raw`${user}/workspace/\{workspace\}/builds/\{number\}`,
      ),
      ...on("GET", build, `${build}/(parameters|resources|logs|timings)`),
      ...on(
        "GET",
        agent,
        `${agent}/(logs|watch-metadata|watch-metadata-ws|listening-ports|containers(/watch)?)`,
      ),
      ...on("GET", `${member}/workspace-quota`, "/insights/running-time"),
    ],
    see: seeWorkspace,
    may: seeWorkspace,
  },
  "a user's workspaces": {
    routes: on("GET", `${user}/workspaces`),
    see: [...new Set([...seeUser, ...seeWorkspace])],
    may: [...new Set([...seeUser, ...seeWorkspace])],
  },
  "acting on a workspace": {
    routes: [
      ...on("PATCH", workspace),
      ...on("PUT", `${workspace}/(autostart|ttl|extend|dormant|autoupdates)`),
      ...on("POST", `${workspace}/(usage|builds)`),
      ...on("PATCH", `${build}/cancel`),
    ],
    see: seeWorkspace,
    may: actOnWorkspace,
  },
  "entering a workspace": {
    routes: [
      ...on("GET", `${agent}/forward`),
      ...on("GET", String.raw`${workspace}/external-agent/\{agent\}/credentials`),
    ],
    see: seeWorkspace,
    may: ["self", "owner"],
  },
  "one's favourites": {
    routes: on("PUT|DELETE", `${workspace}/favorite`),
    see: seeWorkspace,
    may: ["self"],
  },
  "reading what a provisioner keeps": {
    routes: on("GET", `${build}/state`),
    see: templateAdmins,
    may: templateAdmins,
  },
  "replacing what a provisioner keeps": {
    routes: on("PUT", `${build}/state`),
    see: seeWorkspace,
    may: templateAdmins,
  },
  // A user of the same templates may know the owner. A template that the caller cannot see answers
  // 400: a user admin sees people, not templates.
  "making a workspace": {
    routes: on("POST", `${user}/workspaces`, `${member}/workspaces`),
    see: seeTemplate,
    may: actOnWorkspace,
    but: { userAdmin: 400 },
  },
}

/** The names of the rules that a route falls under: exactly one, or the rules are wrong. */
export const rulesOf = (route: string): string[] =>
  Object.keys(rules).filter((name) => rules[name]?.routes.some((pattern) => pattern.test(route)))

/** The answer that a principal must get: success, or a status. */
export function outcomeOf(rule: Rule, principal: Principal): "well" | number {
  const { credential = "person", see = [], may = [], unseen = 404, but = {} } = rule
  if (credential === "none") return "well"
  if (credential === "provisioner" || credential === "own provisioner") {
    if (principal === "provisioner") return "well"
    if (principal !== "foreignProvisioner") return 401
    return credential === "provisioner" ? "well" : 404
  }
  if (credential === "agent" || credential === "person or agent") {
    if (principal === "agent") return "well"
    if (credential === "agent") return 401
  }
  const person = people.find((name) => name === principal)
  if (person === undefined) return 401
  const special = but[person]
  if (special !== undefined) return special
  if (may.includes(person)) return "well"
  return see.includes(person) ? 403 : unseen
}
