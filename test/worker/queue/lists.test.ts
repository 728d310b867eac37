// The daemons and jobs of an organization as people see them, with their filters.
import { beforeEach, describe, expect, test } from "vitest"
import { givenProvisioner, givenUser } from "../given-people.ts"
import { afterEpoch, api, at, epoch, query } from "../harness.ts"
import { daemonCall, givenQueue } from "./given-jobs.ts"

beforeEach(() => at(epoch))

describe("provisionerdaemons", () => {
  test("lists daemons that are alive, the newest first, and stale ones on request", async () => {
    const { organization, provisioner, build, template } = await givenQueue()
    const { token } = await givenUser({ roles: ["owner"] })
    const later = await givenProvisioner({
      organization,
      columns: { created_at: afterEpoch(1_000) },
    })
    const stale = await givenProvisioner({
      organization,
      columns: { last_seen_at: afterEpoch(-90_001), created_at: afterEpoch(-1) },
    })
    await daemonCall(provisioner, "acquire")
    const list = async (search = "") =>
      (
        await api(`/api/v2/organizations/${organization.name}/provisionerdaemons${search}`, {
          token,
        })
      ).body
    const ids = async (search: string) => (await list(search)).map(({ id }: { id: string }) => id)
    const [first, second] = await list()
    expect(first).toMatchObject({
      id: later.daemonId,
      status: "idle",
      current_job: null,
      previous_job: null,
    })
    expect(second).toMatchObject({
      id: provisioner.daemonId,
      status: "busy",
      current_job: { id: build.jobId, status: "running", template_name: template.name },
    })
    expect(await ids("?offline=true")).toEqual([
      later.daemonId,
      provisioner.daemonId,
      stale.daemonId,
    ])
    expect(await ids("?status=offline")).toEqual([stale.daemonId])
    expect(await ids("?status=busy,idle&limit=1")).toEqual([later.daemonId])
    expect(await ids("?offline=true&max_age=1m")).toEqual([later.daemonId, provisioner.daemonId])
    expect(await ids(`?ids=${stale.daemonId},${later.daemonId}`)).toEqual([later.daemonId])
    expect(await ids(`?tags=${encodeURIComponent('{"scope":"user","owner":"x"}')}`)).toEqual([])
  })

  test.each([
    "?colour=red",
    "?limit=x",
    "?ids=1",
    "?status=tired",
    "?max_age=soon",
    "?max_age=99999999999h",
    "?tags=[]",
  ])("400: %s", async (search) => {
    const { token } = await givenUser({ roles: ["owner"] })
    expect(
      (await api(`/api/v2/organizations/default/provisionerdaemons${search}`, { token })).status,
    ).toBe(400)
  })

  test("answers 404 without the permission and for an unknown organization", async () => {
    const { organization } = await givenQueue()
    const { token } = await givenUser({ organization })
    const owner = await givenUser({ roles: ["owner"] })
    for (const kind of ["provisionerdaemons", "provisionerjobs", "provisionerkeys"]) {
      expect(
        (await api(`/api/v2/organizations/${organization.id}/${kind}`, { token })).status,
      ).toBe(404)
      expect(
        (await api(`/api/v2/organizations/nowhere/${kind}`, { token: owner.token })).status,
      ).toBe(404)
    }
  })
})

describe("provisionerjobs", () => {
  test("lists the newest jobs first, with worker, workers and metadata", async () => {
    const { organization, provisioner, build, template, workspace, owner } = await givenQueue({
      build: { at: afterEpoch(1_000) },
    })
    const { token } = await givenUser({ roles: ["owner"] })
    const list = async (search = "") =>
      (await api(`/api/v2/organizations/${organization.id}/provisionerjobs${search}`, { token }))
        .body
    const [waiting, imported] = await list()
    expect(waiting).toMatchObject({
      id: build.jobId,
      status: "pending",
      available_workers: [provisioner.daemonId],
      queue_position: 1,
      queue_size: 1,
      input: { workspace_build_id: build.id },
      metadata: {
        template_name: template.name,
        template_version_name: template.version.name,
        workspace_id: workspace.id,
        workspace_name: workspace.name,
        workspace_build_transition: "start",
      },
    })
    expect(imported).toMatchObject({
      id: template.version.jobId,
      type: "template_version_import",
      status: "succeeded",
    })
    await daemonCall(provisioner, "acquire")
    const [{ name }] = await query("select name from provisioner_daemons where id = $1", [
      provisioner.daemonId,
    ])
    expect(await list("?status=running")).toMatchObject([
      { id: build.jobId, worker_id: provisioner.daemonId, worker_name: name },
    ])
    expect(await list(`?initiator=${crypto.randomUUID()}`)).toEqual([])
    expect(await list(`?initiator=${owner.id}&limit=1`)).toHaveLength(1)
    const one = await api(
      `/api/v2/organizations/${organization.id}/provisionerjobs/${build.jobId}`,
      {
        token,
      },
    )
    expect(one.body.id).toBe(build.jobId)
  })
})
