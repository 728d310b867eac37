// One of each thing that a path can name, all of one organization and of one of its members.
import { env } from "cloudflare:workers"
import { encryptToken } from "../../../../src/access/token-cipher.ts"
import { hashPassword } from "../../../../src/identity/password.ts"
import { afterEpoch, epoch, query } from "../../harness.ts"
import {
  givenKey,
  givenUser,
  type GivenOrganization,
  type GivenProvisioner,
  type GivenUser,
} from "../../given-people.ts"
import { givenTemplate, givenVersion } from "../../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace, type GivenAgent } from "../../given-workspaces.ts"
import { insertRow, unique } from "../../rows.ts"

export type Place = {
  /** A plain member, who owns all of it. */
  self: GivenUser
  selfPassword: string
  agent: GivenAgent
  templateId: string
  /** Imported, of the template, and not its active one. */
  spareVersionId: string
  archivedVersionId: string
  /** Still being imported. */
  pendingVersionId: string
  /** Imported, of no template. */
  looseVersionId: string
  /** The build of another workspace, which a daemon of the organization holds. */
  heldBuildId: string
  fileId: string
  scriptId: string
  appId: string
  /** A member's account that is not yet of the organization. */
  newcomer: GivenUser
  /** What stands for each parameter of a path. */
  params: Record<string, string>
}

const selfPassword = "correct-Horse-9-battery"
// Hashed once for all places.
let storedPassword: string | undefined

export async function givenPlace(
  organization: GivenOrganization,
  provisioner: GivenProvisioner,
): Promise<Place> {
  const self = await givenUser({ organization })
  storedPassword ??= await hashPassword(selfPassword)
  await query("update users set hashed_password = $1 where id = $2", [storedPassword, self.id])
  const newcomer = await givenUser()
  const template = await givenTemplate(self, {
    columns: { allow_user_cancel_workspace_jobs: true, default_ttl_ms: 28_800_000 },
  })
  const loose = await givenVersion(self)
  const spare = await givenVersion(self, { columns: { created_at: afterEpoch(1_000) } })
  const archived = await givenVersion(self, { columns: { archived: true } })
  const pending = await givenVersion(self, { status: "pending" })
  // No daemon has this tag: the import waits for as long as the tests last.
  await query(`update provisioner_jobs set tags = tags || '{"lab": "none"}' where id = $1`, [pending.jobId])
  await query("update template_versions set template_id = $1 where id = any ($2)", [
    template.id,
    [spare.id, archived.id, pending.id],
  ])
  const [file] = await query("select hash from files where id = $1", [template.version.fileId])
  await env.FILES.put(file.hash, "tar bytes")

  const workspace = await givenWorkspace(self, template, {
    columns: { ttl_ms: 28_800_000 },
    build: { columns: { deadline: afterEpoch(28_800_000), has_external_agent: true } },
  })
  const agent = await givenAgent(workspace, workspace.build)
  await query("update workspace_agents set encrypted_token = $1 where id = $2", [
    await encryptToken(env.TOKEN_KEYS, agent.token),
    agent.id,
  ])
  const subAgent = await givenAgent(workspace, workspace.build, {
    columns: { name: "sub", parent_id: agent.id },
  })
  const app = await insertRow("workspace_apps", {
    id: crypto.randomUUID(),
    agent_id: agent.id,
    slug: "code",
    health: "initializing",
    created_at: epoch,
  })
  const script = await insertRow("workspace_agent_scripts", {
    id: crypto.randomUUID(),
    agent_id: agent.id,
    log_source_id: crypto.randomUUID(),
    display_name: "Start",
    script: "true",
    created_at: epoch,
  })

  // A second workspace, whose build a daemon of the organization holds.
  const building = await givenWorkspace(self, template, { build: null })
  const held = await givenBuild(building, { status: "running", job: { worker_id: provisioner.daemonId } })

  const dryRun = await insertRow("provisioner_jobs", {
    id: crypto.randomUUID(),
    organization_id: organization.id,
    initiator_id: self.id,
    type: "template_version_dry_run",
    file_id: template.version.fileId,
    input: { template_version_id: template.version.id },
    tags: { scope: "organization", owner: "" },
    created_at: epoch,
    updated_at: epoch,
    started_at: epoch,
    completed_at: epoch,
  })
  const tokenName = `token-${unique(8)}`
  const token = await givenKey(self.id, { login_type: "token", token_name: tokenName })
  const notice = await insertRow("inbox_notifications", {
    id: crypto.randomUUID(),
    user_id: self.id,
    template_id: crypto.randomUUID(),
    targets: [workspace.id],
    title: "A notice",
    content: "of something",
    created_at: epoch,
  })
  const [creator] = await query("select id from users where not is_system limit 1")
  // There can be few of them.
  await query("delete from notification_webhooks")
  const webhook = await insertRow("notification_webhooks", {
    id: crypto.randomUUID(),
    url: "https://hooks.example.test/",
    encrypted_secret: "none",
    created_by: creator.id,
    created_at: epoch,
  })
  const key = await insertRow("provisioner_keys", {
    id: crypto.randomUUID(),
    organization_id: organization.id,
    name: `key-${unique(8)}`,
    hashed_secret: crypto.getRandomValues(new Uint8Array(32)),
    tags: {},
    created_at: epoch,
  })
  return {
    self,
    selfPassword,
    agent,
    templateId: template.id,
    spareVersionId: spare.id,
    archivedVersionId: archived.id,
    pendingVersionId: pending.id,
    looseVersionId: loose.id,
    heldBuildId: held.id,
    fileId: template.version.fileId,
    scriptId: script.id,
    appId: app.id,
    newcomer,
    params: {
      user: self.username,
      organization: organization.name,
      organizationname: organization.name,
      workspace: workspace.id,
      workspacename: workspace.name,
      agent: agent.id,
      agentname: agent.name,
      subagent: subAgent.id,
      build: workspace.build.id,
      number: "1",
      template: template.id,
      templatename: template.name,
      version: template.version.id,
      versionname: template.version.name,
      spareversionname: spare.name,
      file: template.version.fileId,
      dryrun: dryRun.id,
      job: workspace.build.jobId,
      heldjob: held.jobId,
      keyid: token.slice(0, 10),
      keyname: tokenName,
      notice: notice.id,
      webhook: webhook.id,
      daemon: provisioner.daemonId,
      provisionerkey: key.name,
      session: crypto.randomUUID(),
      key: "cpu",
      os: "linux",
      arch: "amd64",
    },
  }
}
