// External agents, against the case groups `externalAgentCredentials` and `initScript`.
import { describe, expect, test } from "vitest"
import { agentTokenSubject, encryptToken } from "../../../src/access/token-cipher.ts"
import { initCommand, initScript } from "../../../src/agents/external/init-script.ts"
import { prebuilds as cases } from "../../cases/read.ts"
import { env } from "cloudflare:workers"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { api } from "../harness.ts"
import { sha256, unique } from "../rows.ts"

async function given(
  options: { isExternal?: boolean | null; agent?: Record<string, unknown> } = {},
) {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user), {
    build: {
      columns: { has_external_agent: options.isExternal === undefined ? true : options.isExternal },
    },
  })
  const token = crypto.randomUUID()
  const agent = await givenAgent(workspace, workspace.build, {
    columns: {
      hashed_token: await sha256(token),
      encrypted_token: await encryptToken(
        env.TOKEN_KEYS,
        agentTokenSubject(workspace.id, "main"),
        token,
      ),
      operating_system: "linux",
      architecture: "amd64",
      ...options.agent,
    },
  })
  const read = (name: string, as = user.token) =>
    api(`/api/v2/workspaces/${workspace.id}/external-agent/${name}/credentials`, { token: as })
  return { user, workspace, agent, token, read }
}

describe("externalAgentCredentials", () => {
  const [linux, ...refused] = cases.groups.externalAgentCredentials
  test(linux!.name, () => {
    expect(initCommand(linux!.os!, linux!.arch!, linux!.accessUrl!, linux!.token!)).toBe(
      linux!.command,
    )
  })
  test("windows", () => {
    const url = "https://c.example/api/v2/init-script/windows/amd64"
    expect(initCommand("windows", "amd64", "https://c.example", "T")).toBe(
      `$env:CODER_AGENT_TOKEN="T"; iwr -useb "${url}" | iex`,
    )
  })
  test(refused[0]!.name, async () => {
    const { read } = await given({ agent: { auth_instance_id: unique(8) } })
    expect([(await read("main")).status, (await read("main")).body.message]).toEqual([
      refused[0]!.status,
      "External agent is authenticated with an instance ID.",
    ])
  })
  test.each([false, null])(`${refused[1]!.name} (%s)`, async (isExternal) => {
    const { read } = await given({ isExternal })
    expect([(await read("main")).status, (await read("main")).body.message]).toEqual([
      refused[1]!.status,
      "Workspace does not have an external agent.",
    ])
  })
  test(refused[2]!.name, async () => {
    const { read } = await given()
    const { status, body } = await read("Main")
    expect(status).toBe(refused[2]!.status)
    expect(body).toEqual({ message: "External agent 'Main' not found in workspace." })
  })
  test("the credentials need the right to connect, which the owner alone has", async () => {
    const { token, read } = await given()
    const { status, body } = await read("main")
    expect(status).toBe(200)
    expect(body).toEqual({
      agent_token: token,
      command: initCommand("linux", "amd64", "https://dormouse.test", token),
    })
    expect(
      (await api("/api/v2/workspaceagents/me/manifest", { token: body.agent_token })).status,
    ).toBe(200)
    for (const person of [
      await givenUser({ roles: ["template-admin"] }),
      await givenUser({ organizationRoles: ["organization-admin"] }),
    ])
      expect((await read("main", person.token)).status).toBe(403)
    expect((await read("main", (await givenUser()).token)).status).toBe(404)
  })
})

describe("initScript", () => {
  test.each(cases.groups.initScript)("$os $arch: $status", async ({ os, arch, status }) => {
    const answer = await api(`/api/v2/init-script/${os}/${arch}`)
    expect(answer.status).toBe(status)
    if (status === 400) expect(answer.body.message).toBe(`Unknown os/arch: ${os}/${arch}`)
    else expect(answer.headers.get("Content-Digest")).toMatch(/^sha256:[0-9a-f]{88}$/)
  })
  test.each(["constructor", "__proto__", "toString"])("400 for the platform %s", async (os) => {
    expect((await api(`/api/v2/init-script/${os}/amd64`)).status).toBe(400)
  })
  test("any access URL is one word for the shell", () => {
    expect(initScript("linux", "amd64", "https://x/$(touch a)'`b`\"")).toContain(
      `CODER_AGENT_URL='https://x/$(touch a)'\\''\`b\`"/'`,
    )
    expect(initScript("windows", "amd64", "https://x/$(a)'")).toContain("'https://x/$(a)''/'")
  })
})
