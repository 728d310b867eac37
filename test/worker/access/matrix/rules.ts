// Who may do what, written from the rules and not from the answers: the roles say who can see a kind of thing and who can act on it,
// and each route belongs to one kind. Whoever cannot see a thing is told that it does not exist.
import { people, type Person, type Principal } from "./principals.ts"

/** Which credential a route takes. */
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
  /** Who learns that the thing is there. The rest get `unseen`. */
  see?: readonly Person[]
  /** Who may do it. Those who only see get 403. */
  may?: readonly Person[]
  /** 404 where a thing is hidden; 403 where the question has no thing that could be. */
  unseen?: 403 | 404
  /** What the rules of the thing itself say to some, whatever they may. */
  but?: Partial<Record<Person, number>>
}

// Members of the organization, whatever else they are. A dormant account is woken by its request and is a member like another.
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
// Template admins of either reach, and those who hold more than they.
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

const W = String.raw`/workspaces/\{workspace\}`
const B = String.raw`/workspacebuilds/\{build\}`
const G = String.raw`/workspaceagents/\{agent\}`
const U = String.raw`/users/\{user\}`
const O = String.raw`/organizations/\{organization\}`
const M = String.raw`${O}/members/\{user\}`
const T = String.raw`/templates/\{(id|template)\}`
const V = String.raw`/templateversions/\{id\}`
const OT = String.raw`${O}/templates/\{(name|template)\}`
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
      ...on("POST", "/users/first", "/users/login"),
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
  "for whoever has signed in": {
    routes: [
      ...on("GET", "/experiments", "/experiments/available", "/deployment/ssh", "/regions"),
      ...on("GET", "/prebuilds/settings", "/templates/examples"),
      ...on("POST", "/authcheck", "/users/logout"),
      ...on("PUT", "/notifications/inbox/mark-all-as-read"),
      ...on("GET", "/notifications/inbox", "/notifications/inbox/watch"),
    ],
    may: everyone,
  },
  // Of each thing that the batch names it is told whether it was taken; that another's is not, usage's own tests hold.
  "use that was seen, by the batch": {
    routes: on("POST", "/workspaces/usage", "/workspaces/app-stats"),
    may: everyone,
  },
  "lists of what the caller can see": {
    routes: on("GET", "/users", "/organizations", "/templates", "/workspaces"),
    may: everyone,
  },
  "an organization": {
    routes: on("GET", O, `${O}/members`, `${O}/paginated-members`, `${O}/members/roles`),
    see: seeOrganization,
    may: seeOrganization,
  },
  "a member": { routes: on("GET", M), see: seeMembers, may: seeMembers },
  "making a member": { routes: on("POST", M), see: seeOrganization, may: memberAdmins },
  "changing a member": {
    routes: [...on("DELETE", M), ...on("PUT", `${M}/roles`)],
    see: seeMembers,
    may: memberAdmins,
    but: { self: 400 },
  },
  "a user": {
    routes: on(
      "GET",
      U,
      `${U}/roles`,
      `${U}/organizations`,
      String.raw`${U}/organizations/\{organizationname\}`,
    ),
    see: seeUser,
    may: seeUser,
  },
  "making a user": { routes: on("POST", "/users"), may: userAdmins, unseen: 403 },
  "deleting a user": { routes: on("DELETE", U), see: seeUser, may: userAdmins },
  "a user's status": {
    routes: on("PUT", `${U}/status/activate`),
    see: seeUser,
    may: userAdmins,
  },
  "what nobody does to themselves": {
    routes: on("PUT", `${U}/status/suspend`, `${U}/roles`),
    see: seeUser,
    may: userAdmins,
    but: { self: 400 },
  },
  "a user's own settings": {
    routes: [
      ...on("PUT", `${U}/profile`, `${U}/password`, `${U}/quiet-hours`),
      ...on("GET", `${U}/quiet-hours`),
    ],
    see: seeUser,
    may: ["self", ...userAdmins],
  },
  "what a user chose last": {
    routes: on("GET", `${U}/autofill-parameters`),
    see: seeUser,
    may: seeUser,
  },
  "how a user signs in": { routes: on("GET", `${U}/login-type`), see: seeUser, may: ["self"] },
  "making a key": {
    routes: on("POST", `${U}/keys`, `${U}/keys/tokens`),
    see: seeUser,
    may: ["self", "owner"],
  },
  "a user's keys, those that the caller can see": {
    routes: on("GET", `${U}/keys/tokens`, `${U}/keys/tokens/tokenconfig`),
    see: seeUser,
    may: seeUser,
  },
  "a key": {
    routes: [
      ...on("GET|DELETE", String.raw`${U}/keys/\{keyid\}`),
      ...on("GET", String.raw`${U}/keys/tokens/\{keyname\}`),
      ...on("PUT", String.raw`${U}/keys/\{keyid\}/expire`),
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
      ...on("PUT", "/prebuilds/settings"),
      ...on("GET|POST", "/notifications/webhooks"),
      ...on("DELETE", String.raw`/notifications/webhooks/\{id\}`),
    ],
    may: ["owner"],
    unseen: 403,
  },
  "the deployment's figures": {
    routes: on("GET", "/deployment/stats"),
    may: ["auditor", "owner"],
    unseen: 403,
  },
  // Whoever audits an organization reads that one's rows.
  "the audit trail": {
    routes: on("GET", "/audit"),
    may: ["organizationAuditor", "organizationAdmin", "foreignAdmin", "auditor", "owner"],
    unseen: 403,
  },
  // Of the templates whose insights the caller may see: there must be one.
  "figures over templates": {
    routes: on("GET", "/insights/user-status-counts", "/insights/daus"),
    may: [...seeInsights, "foreignAdmin"],
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
        T,
        `${T}/versions`,
        String.raw`${T}/versions/\{name\}`,
        `${T}/daus`,
        `${T}/prebuilds`,
      ),
      ...on(
        "GET",
        OT,
        String.raw`${OT}/versions/\{name\}(/previous)?`,
        `${O}/templates(/examples)?`,
      ),
      ...on(
        "GET",
        V,
        `${V}/(rich-parameters|variables|presets|resources|logs|external-auth|schema|parameters)`,
      ),
    ],
    see: seeTemplate,
    may: seeTemplate,
  },
  "changing templates": {
    routes: [
      ...on(
        "POST",
        `${O}/templates`,
        `${O}/templateversions`,
        `${T}/versions/archive`,
        `${T}/prebuilds/invalidate`,
      ),
      ...on("PATCH", T, V, `${T}/versions`, `${V}/cancel`),
      ...on("POST", `${V}/(archive|unarchive)`),
      ...on("DELETE", T),
    ],
    see: seeTemplate,
    may: templateAdmins,
  },
  "using a template": {
    routes: on("POST", `${V}/dry-run`),
    see: seeTemplate,
    may: [...insiders, "templateAdmin", "owner"],
  },
  "a dry run": {
    routes: on(
      "GET|PATCH",
      String.raw`${V}/dry-run/\{job\}(/matched-provisioners|/resources|/logs|/cancel)?`,
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
    routes: on("GET", `${O}/provisionerkeys`, `${O}/provisionerdaemons`, `${O}/provisionerjobs`),
    see: templateAdmins,
    may: templateAdmins,
  },
  "a job of the queue": {
    routes: on("GET", String.raw`${O}/provisionerjobs/\{job\}`),
    see: ["self", ...templateAdmins],
    may: ["self", ...templateAdmins],
  },
  "changing daemons' keys": {
    routes: [
      ...on("POST", `${O}/provisionerkeys`),
      ...on("DELETE", String.raw`${O}/provisionerkeys/\{name\}`),
    ],
    see: templateAdmins,
    may: templateAdmins,
  },
  "a workspace": {
    routes: [
      ...on("GET", W, `${W}/(timings|resolve-autostart|watch|watch-ws|lifecycle|builds)`),
      ...on(
        "GET",
        String.raw`${U}/workspace/\{workspacename\}`,
        String.raw`${U}/workspace/\{workspace\}/builds/\{number\}`,
      ),
      ...on("GET", B, `${B}/(parameters|resources|logs|timings)`),
      ...on("GET", G, `${G}/(logs|watch-metadata|watch-metadata-ws|listening-ports|containers)`),
      ...on("GET", `${M}/workspace-quota`, "/insights/running-time"),
    ],
    see: seeWorkspace,
    may: seeWorkspace,
  },
  "a user's workspaces": {
    routes: on("GET", `${U}/workspaces`),
    see: [...new Set([...seeUser, ...seeWorkspace])],
    may: [...new Set([...seeUser, ...seeWorkspace])],
  },
  "acting on a workspace": {
    routes: [
      ...on("PATCH", W),
      ...on("PUT", `${W}/(autostart|ttl|extend|dormant|autoupdates)`),
      ...on("POST", `${W}/(usage|builds)`),
      ...on("PATCH", `${B}/cancel`),
      ...on("GET", String.raw`${W}/external-agent/\{agent\}/credentials`),
    ],
    see: seeWorkspace,
    may: actOnWorkspace,
  },
  "entering a workspace": {
    routes: on("GET", `${G}/forward`),
    see: seeWorkspace,
    may: ["self", "owner"],
  },
  "one's favourites": {
    routes: on("PUT|DELETE", `${W}/favorite`),
    see: seeWorkspace,
    may: ["self"],
  },
  "reading what a provisioner keeps": {
    routes: on("GET", `${B}/state`),
    see: templateAdmins,
    may: templateAdmins,
  },
  "replacing what a provisioner keeps": {
    routes: on("PUT", `${B}/state`),
    see: seeWorkspace,
    may: templateAdmins,
  },
  // Whoever uses the same templates may know of the owner. A template that the body names and the caller cannot see does not exist
  // (400): a user admin sees people, not templates.
  "making a workspace": {
    routes: on("POST", `${U}/workspaces`, `${M}/workspaces`),
    see: seeTemplate,
    may: actOnWorkspace,
    but: { userAdmin: 400 },
  },
}

/** The names of the rules that a route falls under: one, or the rules are wrong. */
export const rulesOf = (route: string): string[] =>
  Object.keys(rules).filter((name) => rules[name]?.routes.some((pattern) => pattern.test(route)))

/** What a principal must be answered: well, or a status. */
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
