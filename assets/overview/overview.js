// The page at /: reads the fleet every few seconds, and for each workspace that changed what comes next and why.
import { call, Refused } from "./api.js"
import { nextOf, stateOf, when } from "./words.js"

/** @import { Explanation, Rule, Workspace } from "./api.js" */

const pollMs = 5000
const explainMs = 60_000
const hourMs = 3_600_000
const listMax = 50

/** @param {string} id @returns {any} */
const byId = (id) => document.querySelector(`#${id}`)

/** @param {string} name @param {Record<string, unknown>} properties @param {...(Node | string)} children */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** @param {() => Promise<unknown>} work */
async function attempt(work) {
  byId("problem").textContent = ""
  try {
    await work()
  } catch (error) {
    if (error instanceof Refused && error.status === 401 && !byId("fleet").hidden)
      return showSignIn()
    byId("problem").textContent = error instanceof Error ? error.message : String(error)
  }
}

/** @param {Explanation} explanation */
function rulesTable({ rules }) {
  const row = (/** @type {Rule} */ { rule, verdict, because, due_at: dueAt }) =>
    element(
      "tr",
      {},
      element("td", { textContent: rule.replaceAll("_", " ") }),
      element("td", { textContent: verdict.replaceAll("_", " ") }),
      element("td", {
        textContent: [dueAt && when(dueAt), because?.message].filter(Boolean).join(": "),
        className: "dim",
      }),
    )
  return element("table", {}, element("tbody", {}, ...rules.map(row)))
}

/** The buttons that make sense now. @param {Workspace} workspace */
function actionsOf(workspace) {
  const { id, latest_build: build, dormant_at: dormantAt } = workspace
  const path = `/workspaces/${id}`
  /** @param {string} label @param {string} method @param {string} to @param {unknown} body */
  const button = (label, method, to, body) =>
    element("button", {
      textContent: label,
      onclick: () => attempt(() => call(method, to, body).then(refresh)),
    })
  const deadline =
    build.deadline === null
      ? null
      : new Date(new Date(build.deadline).getTime() + hourMs).toISOString()
  return [
    ...(dormantAt === null ? [] : [button("Wake", "PUT", `${path}/dormant`, { dormant: false })]),
    ...(build.status === "running" && deadline !== null
      ? [button("+1 hour", "PUT", `${path}/extend`, { deadline })]
      : []),
    ...(build.status === "running" || build.status === "failed"
      ? [button("Stop", "POST", `${path}/builds`, { transition: "stop" })]
      : []),
    ...(["stopped", "failed", "canceled"].includes(build.status)
      ? [button("Start", "POST", `${path}/builds`, { transition: "start", reason: "dashboard" })]
      : []),
  ]
}

/** @type {Map<string, { key: string, atMs: number, explanation: Explanation }>} */
const explanations = new Map()

/** Asked again when the workspace changed, and once a minute. @param {Workspace} workspace */
async function explain(workspace) {
  const { latest_build: build } = workspace
  const key = JSON.stringify([
    build.id,
    build.status,
    build.deadline,
    workspace.dormant_at,
    workspace.last_used_at,
  ])
  const known = explanations.get(workspace.id)
  if (known?.key === key && Date.now() - known.atMs < explainMs) return known.explanation
  const explanation = await call("GET", `/workspaces/${workspace.id}/lifecycle`)
  explanations.set(workspace.id, { key, atMs: Date.now(), explanation })
  return explanation
}

/** @param {Workspace} workspace @param {Explanation} explanation @param {boolean} isOpen */
function card(workspace, explanation, isOpen) {
  const { latest_build: build } = workspace
  const state = stateOf(workspace)
  const agents = build.resources.flatMap((resource) => resource.agents ?? [])
  const health =
    build.status !== "running" || agents.length === 0
      ? ""
      : workspace.health.healthy
        ? "healthy"
        : "agents are not healthy"
  return element(
    "article",
    { id: `w-${workspace.id}` },
    element(
      "div",
      { className: "row" },
      element("h2", { textContent: workspace.name }),
      element("span", { className: `state ${state}`, textContent: state }),
      element("span", {
        className: "dim",
        textContent: [
          workspace.owner_name,
          workspace.template_name,
          `build ${build.build_number}, ${build.reason}`,
          health,
        ]
          .filter(Boolean)
          .join(" · "),
      }),
      element("span", { className: "actions row" }, ...actionsOf(workspace)),
    ),
    element("p", {
      className: "next",
      textContent: build.job.error ? build.job.error.slice(0, 300) : nextOf(explanation, workspace),
    }),
    element(
      "details",
      { open: isOpen },
      element("summary", { textContent: "Why?" }),
      rulesTable(explanation),
    ),
  )
}

async function refresh() {
  /** @type {{ workspaces: Workspace[], count: number }} */
  const { workspaces, count } = await call("GET", `/workspaces?limit=${listMax}`)
  const found = await Promise.all(workspaces.map(explain))
  const open = new Set(
    [...document.querySelectorAll("article:has(details[open])")].map(({ id }) => id),
  )
  byId("workspaces").replaceChildren(
    ...workspaces.map((workspace, index) =>
      card(workspace, found[index], open.has(`w-${workspace.id}`)),
    ),
  )
  const counts = Object.entries(Object.groupBy(workspaces, stateOf)).map(
    ([state, all]) => `${all?.length} ${state}`,
  )
  byId("summary").textContent =
    count === 0
      ? "No workspaces yet."
      : `${counts.join(", ")}${count > workspaces.length ? ` of ${count}` : ""}`
}

async function showFleet() {
  await refresh()
  /** @type {{ id: string, name: string, display_name: string }[]} */
  const templates = await call("GET", "/templates")
  byId("create").elements.template.replaceChildren(
    ...templates.map(({ id, name, display_name: shown }) =>
      element("option", { value: id, textContent: shown || name }),
    ),
  )
  for (const id of ["fleet", "sign-out"]) byId(id).hidden = false
  byId("sign-in").hidden = true
}

function showSignIn() {
  for (const id of ["fleet", "sign-out"]) byId(id).hidden = true
  byId("sign-in").hidden = false
}

byId("sign-in").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault()
  const { email, password } = byId("sign-in").elements
  void attempt(async () => {
    await call("POST", "/users/login", { email: email.value, password: password.value })
    await showFleet()
  })
})
byId("sign-out").addEventListener(
  "click",
  () => void attempt(() => call("POST", "/users/logout").then(showSignIn)),
)
byId("create").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault()
  const { template, name } = byId("create").elements
  void attempt(async () => {
    await call("POST", "/users/me/workspaces", { template_id: template.value, name: name.value })
    name.value = ""
    await refresh()
  })
})
setInterval(() => {
  if (!byId("fleet").hidden && !document.hidden) void attempt(refresh)
}, pollMs)

// The session cookie is not for scripts to read; its companion tells that there is one.
if (document.cookie.includes("csrf_token=")) await showFleet().catch(showSignIn)
else showSignIn()
