// Builds on a real tool that go wrong, are canceled, or would destroy what a person stored.
import { existsSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import type { BuildResult } from "../../../../../src/programs/provisioner/engines/engine.ts"
import { parseState } from "../../../../../src/programs/provisioner/engines/terraform/state.ts"
import { findRealTools } from "../../../../terraform/real-tools.ts"
import { templateOf } from "../../../../terraform/cases.ts"
import { givenEngine, type GivenEngine, pairs, stateOf } from "./given-engine.ts"

const real = await findRealTools()
const provider = `terraform {
  required_providers {
    coder = { source = "coder/coder" }
  }
}
data "coder_workspace" "me" {}
`
const agent = `resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
`
const errorOf = (result: { ok: true } | { ok: false; error: string }) =>
  result.ok ? "no error" : result.error

test.runIf("skipped" in real)("builds go wrong with a real tool", ({ skip }) => {
  skip("skipped" in real ? real.skipped : undefined)
})

describe.each("skipped" in real ? [] : real.tools)("$product $version", (tool) => {
  const env = "skipped" in real ? {} : real.env
  const engines: Promise<GivenEngine>[] = []
  const fresh = (interruptMs?: number) => {
    const engine = givenEngine(tool, env, interruptMs)
    engines.push(engine)
    return engine
  }
  const shared = fresh()
  afterAll(async () => {
    for (const engine of engines) await (await engine).remove()
  })

  test.each([
    [
      "a module outside the archive",
      `${provider}module "m" {\n  source = "../elsewhere"\n}`,
      /module/i,
    ],
    [
      "a provider that cannot be had",
      `terraform {\n  required_providers {\n    no = { source = "nobody/no" }\n  }\n}\nresource "no_thing" "x" {}`,
      /nobody\/no[\s\S]*A mirror of providers can be set/,
    ],
    [
      "a cycle",
      `${provider}resource "terraform_data" "a" {\n  input = terraform_data.b.id\n}\nresource "terraform_data" "b" {\n  input = terraform_data.a.id\n}`,
      /Cycle/,
    ],
    [
      "two parameters of one name",
      `${provider}data "coder_parameter" "a" {\n  name = "size"\n  default = "s"\n}\ndata "coder_parameter" "b" {\n  name = "size"\n  default = "s"\n}`,
      /Two parameters are named "size"/,
    ],
    [
      "an agent with an underscore",
      `${provider}resource "coder_agent" "my_agent" {\n  os = "linux"\n  arch = "amd64"\n}\nresource "terraform_data" "m" {\n  input = coder_agent.my_agent.token\n}`,
      /cannot be named "my_agent"\. Use - instead of _/,
    ],
    [
      "more than one instance of an agent",
      `${provider}resource "coder_agent" "main" {\n  count = 2\n  os = "linux"\n  arch = "amd64"\n}\nresource "terraform_data" "m" {\n  input = coder_agent.main[*].token\n}`,
      /count or for_each makes more than one agent of the name "main"/,
    ],
    [
      "an unknown form type",
      `${provider}data "coder_parameter" "a" {\n  name = "a"\n  default = "s"\n  form_type = "wheel"\n}`,
      /form_type/,
    ],
    [
      "a parameter that waits for an apply",
      `${provider}resource "terraform_data" "late" {}\ndata "coder_parameter" "a" {\n  name = "a"\n  default = terraform_data.late.id\n}`,
      /data\.coder_parameter\.a depends on a value that is known only after/,
    ],
    [
      "two default presets",
      `${provider}data "coder_workspace_preset" "a" {\n  name = "a"\n  default = true\n}\ndata "coder_workspace_preset" "b" {\n  name = "b"\n  default = true\n}`,
      /default/,
    ],
    [
      "two metadata of one resource",
      `${provider}resource "terraform_data" "m" {}\nresource "coder_metadata" "a" {\n  resource_id = terraform_data.m.id\n}\nresource "coder_metadata" "b" {\n  resource_id = terraform_data.m.id\n}`,
      /both describe terraform_data\.m/,
    ],
  ])("an import fails with a sentence for %s", async (_what, text, expected) => {
    const { result } = await (await shared).import({ "main.tf": text })
    expect(errorOf(result)).toMatch(expected)
    expect(result.ok ? "" : result.error).not.toMatch(/at Object|node:internal/)
  })

  test("an import fails for a variable of the wrong type and for one that is not declared", async () => {
    const text = `${provider}variable "count" {\n  type = number\n}`.replaceAll("count", "replicas")
    const engine = await shared
    const wrong = await engine.import({ "main.tf": text }, { replicas: "many" })
    expect(errorOf(wrong.result)).toMatch(/number/)
    const undeclared = await engine.import({ "main.tf": provider }, { nobody: "x" })
    expect(errorOf(undeclared.result)).toMatch(/nobody/)
  })

  test("a backend of the template is not contacted, and a packed state is not taken", async () => {
    const { result, directory } = await (
      await shared
    ).import({
      "main.tf": `terraform {\n  backend "s3" {\n    bucket = "b"\n    key = "k"\n    region = "eu-west-1"\n  }\n}\n${provider}resource "terraform_data" "m" {}`,
      "terraform.tfstate": '{"version":4,"serial":7,"lineage":"x","resources":[]}',
    })
    expect(errorOf(result)).toBe("no error")
    expect(existsSync(join(directory, "terraform.tfstate"))).toBe(false)
  })

  test("values of variables beat the files of the archive, and those that nobody set do not", async () => {
    const files = {
      "main.tf": `${provider}variable "a" {}\nvariable "b" {\n  default = "none"\n}\nresource "terraform_data" "m" {\n  provisioner "local-exec" {\n    command = "echo a=\${var.a} b=\${var.b}"\n  }\n}`,
      "terraform.tfvars": `a = "file"\nb = "file"\n`,
    }
    const engine = await shared
    const imported = await engine.import(files)
    expect(imported.result).toMatchObject({ ok: true })
    const { lines, result } = await engine.build(files, {
      variables: [
        { name: "a", value: "given by 'hand'", sensitive: false, given: true },
        { name: "b", value: "none", sensitive: false, given: false },
      ],
    })
    expect(errorOf(result)).toBe("no error")
    expect(lines.map(({ output }) => output).join("\n")).toContain("a=given by hand b=file")
  })

  test("a state of the script engine, and one that is too large, are refused before anything runs", async () => {
    const engine = await shared
    const files = { "main.tf": provider }
    const base64 = (text: string) => Buffer.from(text).toString("base64")
    const foreign = await engine.build(files, { state: base64('{"pid": 7}') })
    expect(errorOf(foreign.result)).toContain("a state that is not Terraform's")
    const large = JSON.stringify({
      version: 4,
      serial: 1,
      resources: [],
      padding: "x".repeat(4 * 1024 * 1024),
    })
    const tooLarge = await engine.build(files, { state: base64(large) })
    expect(errorOf(tooLarge.result)).toMatch(/state has \d+ bytes/)
    expect([foreign.lines, tooLarge.lines]).toEqual([[], []])
  })

  test("the deletion of a workspace without resources succeeds at once", async () => {
    const { result, lines } = await (await shared).build({}, { transition: "delete", state: null })
    expect(result).toEqual({ ok: true, resources: [], state: null, replacements: [] })
    expect(lines.map(({ output }) => output).join()).toContain("there is nothing to delete")
  })

  test("a workspace can be deleted whose parameter no longer fits the template", async () => {
    const rule = (max: number) =>
      `${provider}data "coder_parameter" "n" {\n  name = "n"\n  type = "number"\n  default = 1\n  validation {\n    min = 1\n    max = ${max}\n  }\n}\nresource "terraform_data" "m" {\n  input = data.coder_parameter.n.value\n}`
    const engine = await shared
    const parameters = pairs({ n: "5" })
    const started = await engine.build({ "main.tf": rule(9) }, { parameters })
    const state = stateOf(started.result)
    const deleted = await engine.build(
      { "main.tf": rule(3) },
      { transition: "delete", state, parameters },
    )
    expect(deleted.result).toMatchObject({ ok: true, state: null })
  })

  test("a failed apply keeps its state, and the next start and the deletion go on from it", async () => {
    const engine = await shared
    const template = templateOf("failing-apply")
    const first = await engine.build(template, { agent_tokens: { main: crypto.randomUUID() } })
    expect(errorOf(first.result)).toContain("no host has room")
    const state = stateOf(first.result)
    expect(state).not.toBeNull()
    const main = `${provider}${agent}resource "terraform_data" "disk" {\n  input = "kept after the failure"\n}\nresource "terraform_data" "machine" {\n  input = [terraform_data.disk.id, coder_agent.main.token]\n}`
    const second = await engine.build(
      { "main.tf": main },
      { state, agent_tokens: { main: crypto.randomUUID() } },
    )
    expect(second.result).toMatchObject({
      ok: true,
      replacements: [{ resource: "terraform_data.machine", paths: [] }],
    })
  })

  describe("disks", () => {
    const template = (version: string, mark = "true") => ({
      "main.tf": `${provider}resource "terraform_data" "home" {\n  triggers_replace = "${version}"\n}\nresource "coder_metadata" "home" {\n  resource_id = terraform_data.home.id\n  item {\n    key   = "persistent"\n    value = "${mark}"\n  }\n}`,
    })

    test("are not replaced by a start or a stop unless the request confirms it", async () => {
      const engine = await shared
      const started = await engine.build(template("1"), {})
      const state = stateOf(started.result)
      for (const transition of ["start", "stop"] as const) {
        const refused = await engine.build(template("2"), { transition, state })
        expect(errorOf(refused.result)).toContain(
          "would destroy what persists: terraform_data.home",
        )
        expect(refused.result.state ?? null).toBeNull()
      }
      const confirmed = await engine.build(template("2"), { state, allows_data_loss: true })
      expect(confirmed.result).toMatchObject({ ok: true })
      const deleted = await engine.build(template("2"), {
        transition: "delete",
        state: stateOf(confirmed.result),
      })
      expect(deleted.result).toMatchObject({ ok: true })
    })

    test("are replaced by a claim: they hold nothing of a person yet", async () => {
      const engine = await shared
      const made = await engine.build(template("1"), { stage: "create" })
      const claimed = await engine.build(template("2"), {
        stage: "claim",
        state: stateOf(made.result),
      })
      expect(claimed.result).toMatchObject({
        ok: true,
        replacements: [{ resource: "terraform_data.home", paths: ["triggers_replace"] }],
      })
      const log = claimed.lines.map(({ output }) => output).join("\n")
      expect(log).toContain("The claim replaces terraform_data.home because of triggers_replace")
    })

    test("may go where the template says so", async () => {
      const engine = await shared
      const started = await engine.build(template("1", "false"), {})
      const next = await engine.build(template("2", "false"), { state: stateOf(started.result) })
      expect(next.result).toMatchObject({ ok: true })
    })
  })

  describe("a cancel", () => {
    const isTicking = ({ output }: { output: string }) => output.includes("tick 2")

    test("interrupts the apply, which keeps what it made", async () => {
      const { result } = await (
        await shared
      ).build(
        templateOf("slow"),
        { agent_tokens: { main: crypto.randomUUID() } },
        { cancelWhen: isTicking },
      )
      expect(errorOf(result)).toContain("was canceled")
      const state = parseState(result.state ?? Buffer.alloc(0))
      expect(state?.resourceCount).toBe(3)
    })

    test("that kills names what exists without a record", async () => {
      const engine = await fresh(0)
      const { result } = await engine.build(
        templateOf("slow"),
        { agent_tokens: { main: crypto.randomUUID() } },
        { cancelWhen: isTicking },
      )
      expect(errorOf(result)).toContain("had to be killed")
      // Terraform may have recorded it in time; OpenTofu keeps the state in memory.
      const recorded = result.state ? parseState(result.state)?.addresses : undefined
      const isNamed = errorOf(result).includes("terraform_data.machine (it was being made)")
      expect(isNamed).toBe(recorded?.has("terraform_data.machine") !== true)
    })

    test("before the plan ends begins no apply", async () => {
      const { result, lines } = await (
        await shared
      ).build(
        templateOf("plain"),
        { agent_tokens: { main: crypto.randomUUID() } },
        { cancelWhen: ({ stage }) => stage === "Planning" },
      )
      expect(errorOf(result)).toContain("was canceled")
      expect(lines.some(({ stage }) => stage === "Starting the workspace")).toBe(false)
      expect(result.state ?? null).toBeNull()
    })
  })

  test("several agents get tokens of their own, each reported", async () => {
    const { result } = await (
      await shared
    ).build(templateOf("two-agents"), {
      // As if the import had found one agent only.
      agent_tokens: { dev: "77777777-7777-4777-8777-777777777777" },
    })
    const tokens = (result.ok ? result.resources : [])
      .flatMap(({ agents = [] }) => agents)
      .map(({ token }) => token)
    expect(tokens).toHaveLength(2)
    expect(new Set(tokens).size).toBe(2)
    expect(tokens).not.toContain("77777777-7777-4777-8777-777777777777")
  })

  test("builds use the providers of the import, which its lock file names", async () => {
    const engine = await fresh()
    const files = { "main.tf": `${provider}${agent}` }
    await engine.import(files)
    const { lines } = await engine.build(files, {})
    const log = lines.map(({ output }) => output).join("\n")
    expect(log).toMatch(/from the (dependency )?lock file|Reusing previous version/)
    const locks = join(
      engine.cacheDirectory,
      "locks",
      `${"0".repeat(64)}.${tool.product.toLowerCase()}.lock.hcl`,
    )
    expect(existsSync(locks)).toBe(true)
    const gone =
      'provider "registry.terraform.io/coder/coder" {\n  version = "0.0.1"\n}\nprovider "registry.opentofu.org/coder/coder" {\n  version = "0.0.1"\n}\n'
    await writeFile(locks, gone)
    const again = await engine.build(files, {})
    expect(errorOf(again.result)).toBe("no error")
    expect(again.lines.map(({ output }) => output).join("\n")).toContain(
      "The providers of the import are gone",
    )
  })

  test("sixteen jobs side by side share one cache of providers", async () => {
    const engine = await fresh()
    const results: BuildResult[] = (
      await Promise.all(
        Array.from({ length: 16 }, () =>
          engine.build(
            {
              "main.tf": `${provider}${agent}resource "terraform_data" "m" {\n  input = coder_agent.main.token\n}`,
            },
            { agent_tokens: { main: crypto.randomUUID() } },
          ),
        ),
      )
    ).map(({ result }) => result)
    expect(results.map(errorOf)).toEqual(results.map(() => "no error"))
  }, 300_000)
})
