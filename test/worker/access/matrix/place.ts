// One of each thing that a path can name, all of one organization and one member.
import { env } from "cloudflare:workers"
import { mintGitKey } from "../../../../src/access/git-key.ts"
import { agentTokenSubject, encryptToken } from "../../../../src/access/token-cipher.ts"
import { afterEpoch, epoch } from "../../harness.ts"
import {
  givenKey,
  givenUser,
  type GivenOrganization,
  type GivenProvisioner,
  type GivenUser,
} from "../../given-people.ts"
import { givenTemplate, givenVersion } from "../../given-templates.ts"
import { givenAgent, givenWorkspace, type GivenAgent } from "../../given-workspaces.ts"
import { inserting, together, unique, writeAll } from "../../rows.ts"

export type Place = {
  /** The plain member who owns everything. */
  self: GivenUser
  selfPassword: string
  agent: GivenAgent
  templateId: string
  /** Imported, of the template, not its active version. */
  spareVersionId: string
  archivedVersionId: string
  /** Its import has not ended. */
  pendingVersionId: string
  /** Imported, without a template. */
  looseVersionId: string
  /** The build of another workspace, held by a daemon of the organization. */
  heldBuildId: string
  fileId: string
  scriptId: string
  appId: string
  /** An account that is not yet a member of the organization. */
  newcomer: GivenUser
  /** The value of each path parameter. */
  params: Record<string, string>
}

const selfPassword = "correct-Horse-9-battery"
// A cheap hash (its cost is stored with it): everybody signs in with it, and a real one is slow.
const selfPasswordAtRest =
  "scrypt$2$1$1$AAAAAAAAAAAAAAAAAAAAAA==$plsZGzcmXs2zNflJnwbT05Pmt1buS9equKVvbHGw4do="

export const givenPlace = (
  organization: GivenOrganization,
  provisioner: GivenProvisioner,
): Promise<Place> => together(() => makePlace(organization, provisioner))

async function makePlace(
  organization: GivenOrganization,
  provisioner: GivenProvisioner,
): Promise<Place> {
  const self = await givenUser({ organization, columns: { hashed_password: selfPasswordAtRest } })
  const newcomer = await givenUser()
  // The key is created at its first use, which costs a round trip more than later ones.
  const gitKey = await mintGitKey(env.TOKEN_KEYS, self.id)
  const template = await givenTemplate(self, {
    columns: { allow_user_cancel_workspace_jobs: true, default_ttl_ms: 28_800_000 },
  })
  const ofTemplate = { template_id: template.id }
  const loose = await givenVersion(self)
  const spare = await givenVersion(self, {
    columns: { ...ofTemplate, created_at: afterEpoch(1_000) },
  })
  const archived = await givenVersion(self, { columns: { ...ofTemplate, archived: true } })
  // No daemon has this tag, so the import stays pending.
  const tags = { scope: "organization", owner: "", lab: "none" }
  const pending = await givenVersion(self, {
    status: "pending",
    columns: ofTemplate,
    job: { tags },
  })
  await env.FILES.put(template.version.fileHash, "tar bytes")

  const workspace = await givenWorkspace(self, template, {
    columns: { ttl_ms: 28_800_000 },
    build: { columns: { deadline: afterEpoch(28_800_000), has_external_agent: true } },
  })
  const agent = await givenAgent(workspace, workspace.build)
  const subAgent = await givenAgent(workspace, workspace.build, {
    columns: { name: "sub", parent_id: agent.id },
  })
  // A second workspace whose build a daemon of the organization holds.
  const { build: held } = await givenWorkspace(self, template, {
    build: { status: "running", job: { worker_id: provisioner.daemonId } },
  })
  const tokenName = `token-${unique(8)}`
  const token = await givenKey(self.id, { login_type: "token", token_name: tokenName })

  const [appId, scriptId, dryRunId] = [
    crypto.randomUUID(),
    crypto.randomUUID(),
    crypto.randomUUID(),
  ]
  const tokenSubject = agentTokenSubject(workspace.id, agent.name)
  const [noticeId, webhookId, keyName] = [
    crypto.randomUUID(),
    crypto.randomUUID(),
    `key-${unique(8)}`,
  ]
  await writeAll(
    {
      text: "update workspace_agents set encrypted_token = $1 where id = $2",
      params: [await encryptToken(env.TOKEN_KEYS, tokenSubject, agent.token), agent.id],
    },
    inserting("workspace_apps", {
      id: appId,
      agent_id: agent.id,
      slug: "code",
      health: "initializing",
      created_at: epoch,
    }),
    inserting("workspace_agent_scripts", {
      id: scriptId,
      agent_id: agent.id,
      log_source_id: crypto.randomUUID(),
      display_name: "Start",
      script: "true",
      created_at: epoch,
    }),
    inserting("provisioner_jobs", {
      id: dryRunId,
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
    }),
    inserting("inbox_notifications", {
      id: noticeId,
      user_id: self.id,
      template_id: crypto.randomUUID(),
      targets: [workspace.id],
      title: "A notice",
      content: "of something",
      created_at: epoch,
    }),
    inserting("user_git_keys", {
      user_id: self.id,
      encrypted_seed: gitKey.encryptedSeed,
      public_key: gitKey.publicKey,
      created_at: epoch,
      updated_at: epoch,
    }),
    // Their number is limited.
    { text: "delete from notification_webhooks", params: [] },
    inserting("notification_webhooks", {
      id: webhookId,
      url: "https://hooks.example.test/",
      encrypted_secret: "none",
      created_by: self.id,
      created_at: epoch,
    }),
    inserting("provisioner_keys", {
      id: crypto.randomUUID(),
      organization_id: organization.id,
      name: keyName,
      hashed_secret: crypto.getRandomValues(new Uint8Array(32)),
      tags: {},
      created_at: epoch,
    }),
  )
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
    scriptId,
    appId,
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
      dryrun: dryRunId,
      job: workspace.build.jobId,
      heldjob: held.jobId,
      keyid: token.slice(0, 10),
      keyname: tokenName,
      notice: noticeId,
      webhook: webhookId,
      daemon: provisioner.daemonId,
      provisionerkey: keyName,
      session: crypto.randomUUID(),
      key: "cpu",
      os: "linux",
      arch: "amd64",
    },
  }
}
