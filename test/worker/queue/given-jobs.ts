// What the queue's tests share: a daemon that speaks the protocol, and builds that wait for it.
import { api, type ApiAnswer, query } from "../harness.ts"
import {
  givenOrganization,
  givenProvisioner,
  givenUser,
  type GivenProvisioner,
} from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenBuild, givenWorkspace, type BuildOptions } from "../given-workspaces.ts"

/** One call of a daemon. */
// oxlint-disable-next-line typescript/no-explicit-any -- a test asserts what it expects
export function daemonCall<Body = any>(
  provisioner: GivenProvisioner,
  path: string,
  body?: unknown,
  method = "POST",
): Promise<ApiAnswer<Body>> {
  return api<Body>(`/api/v2/provisionerdaemons/${provisioner.daemonId}/${path}`, {
    method,
    ...(body === undefined ? {} : { body }),
    headers: { "Coder-Provisioner-Daemon-Key": provisioner.key },
  })
}

/** An organization with an owner, a template, a daemon and a workspace whose next build waits. */
export async function givenQueue(
  options: { build?: BuildOptions; template?: Record<string, unknown> } = {},
) {
  const organization = await givenOrganization()
  const owner = await givenUser({ organization })
  const template = await givenTemplate(owner, options.template ? { columns: options.template } : {})
  const workspace = await givenWorkspace(owner, template, { build: null })
  const build = await givenBuild(workspace, { status: "pending", ...options.build })
  const provisioner = await givenProvisioner({ organization })
  return { organization, owner, template, workspace, build, provisioner }
}

export async function jobRow(id: string) {
  const [row] = await query("select * from provisioner_jobs where id = $1", [id])
  return row
}
