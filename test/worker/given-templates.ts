// Factories for templates, versions, presets and their jobs. Defaults are valid.
import { epoch } from "./epoch.ts"
import { inserting, unique, writeAll, type Row, type Write } from "./rows.ts"

export type JobStatus = "pending" | "running" | "succeeded" | "failed" | "canceling" | "canceled"
export type GivenVersion = {
  id: string
  jobId: string
  fileId: string
  fileHash: string
  name: string
  organizationId: string
}
export type GivenTemplate = {
  id: string
  name: string
  organizationId: string
  version: GivenVersion
}

type Creator = { id: string; organizationId: string }

/** The columns of a job in a given state; `at` is when it came to be so. */
export function jobColumns(status: JobStatus, at: Date): Row {
  const isStarted = status !== "pending"
  const isOver = status === "succeeded" || status === "failed" || status === "canceled"
  return {
    started_at: isStarted ? at : null,
    completed_at: isOver ? at : null,
    canceled_at: status === "canceling" || status === "canceled" ? at : null,
    error: status === "failed" ? "it failed" : null,
    updated_at: at,
  }
}

/** A version whose import has succeeded. It belongs to no template unless it is given one. */
export async function givenVersion(
  creator: Creator,
  options: VersionOptions = {},
): Promise<GivenVersion> {
  const { version, writes } = newVersion(creator, options)
  await writeAll(...writes)
  return version
}

type VersionOptions = { status?: JobStatus; parameters?: Row[]; columns?: Row; job?: Row }

function newVersion(
  creator: Creator,
  options: VersionOptions,
): { version: GivenVersion; writes: Write[] } {
  const [id, fileId, jobId] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
  const version = {
    id,
    organization_id: creator.organizationId,
    job_id: jobId,
    file_id: fileId,
    name: `version-${unique(8)}`,
    created_by: creator.id,
    created_at: epoch,
    updated_at: epoch,
    ...options.columns,
  }
  const file = {
    id: fileId,
    // As long as a SHA-256; of no content, since no test fetches these bytes.
    hash: unique(32) + unique(32),
    mimetype: "application/x-tar",
    size_bytes: 1024,
    created_by: creator.id,
    created_at: epoch,
  }
  const job = {
    id: jobId,
    organization_id: creator.organizationId,
    initiator_id: creator.id,
    type: "template_version_import",
    file_id: fileId,
    input: { template_version_id: id },
    tags: { scope: "organization", owner: "" },
    created_at: epoch,
    ...jobColumns(options.status ?? "succeeded", epoch),
    ...options.job,
  }
  const parameters = (options.parameters ?? []).map((parameter) =>
    inserting("template_version_parameters", { template_version_id: id, ...parameter }),
  )
  return {
    version: {
      id,
      jobId,
      fileId,
      fileHash: file.hash,
      name: version.name,
      organizationId: version.organization_id,
    },
    writes: [
      inserting("files", file),
      inserting("provisioner_jobs", job),
      inserting("template_versions", version),
      ...parameters,
    ],
  }
}

/**
 * A template with one imported version, active.
 *
 * @example await givenTemplate(owner, { columns: { default_ttl_ms: 8 * 3_600_000 } })
 */
export async function givenTemplate(
  creator: Creator,
  options: { parameters?: Row[]; columns?: Row } = {},
): Promise<GivenTemplate> {
  const id = crypto.randomUUID()
  const { version, writes } = newVersion(
    creator,
    options.parameters === undefined ? {} : { parameters: options.parameters },
  )
  const template = {
    id,
    organization_id: creator.organizationId,
    name: `template-${unique(8)}`,
    active_version_id: version.id,
    created_by: creator.id,
    created_at: epoch,
    updated_at: epoch,
    ...options.columns,
  }
  await writeAll(...writes, inserting("templates", template), {
    text: "update template_versions set template_id = $1 where id = $2",
    params: [id, version.id],
  })
  return { id, name: template.name, organizationId: template.organization_id, version }
}

export async function givenPreset(
  versionId: string,
  options: { parameters?: Record<string, string>; columns?: Row } = {},
): Promise<{ id: string; name: string }> {
  const preset = {
    id: crypto.randomUUID(),
    template_version_id: versionId,
    name: `preset-${unique(8)}`,
    created_at: epoch,
    ...options.columns,
  }
  const parameters = Object.entries(options.parameters ?? {}).map(([name, value]) =>
    inserting("template_version_preset_parameters", { preset_id: preset.id, name, value }),
  )
  await writeAll(inserting("template_version_presets", preset), ...parameters)
  return { id: preset.id, name: preset.name }
}
