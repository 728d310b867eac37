// Factories for templates, their versions and presets, and the jobs behind them. Defaults are valid.
import { epoch } from "./epoch.ts"
import { query } from "./harness.ts"
import { insertRow, unique, type Row } from "./rows.ts"

export type JobStatus = "pending" | "running" | "succeeded" | "failed" | "canceling" | "canceled"
export type GivenVersion = { id: string; jobId: string; fileId: string; name: string; organizationId: string }
export type GivenTemplate = { id: string; name: string; organizationId: string; version: GivenVersion }

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

/** A version whose import has succeeded. It belongs to no template until one is made of it or it is given one. */
export async function givenVersion(
  creator: Creator,
  options: { status?: JobStatus; parameters?: Row[]; columns?: Row } = {},
): Promise<GivenVersion> {
  const file = await insertRow("files", {
    id: crypto.randomUUID(),
    hash: unique(32),
    mimetype: "application/x-tar",
    size_bytes: 1024,
    created_by: creator.id,
    created_at: epoch,
  })
  const id = crypto.randomUUID()
  const job = await insertRow("provisioner_jobs", {
    id: crypto.randomUUID(),
    organization_id: creator.organizationId,
    initiator_id: creator.id,
    type: "template_version_import",
    file_id: file.id,
    input: { template_version_id: id },
    tags: { scope: "organization", owner: "" },
    created_at: epoch,
    ...jobColumns(options.status ?? "succeeded", epoch),
  })
  const version = await insertRow("template_versions", {
    id,
    organization_id: creator.organizationId,
    job_id: job.id,
    file_id: file.id,
    name: `version-${unique(8)}`,
    created_by: creator.id,
    created_at: epoch,
    updated_at: epoch,
    ...options.columns,
  })
  for (const parameter of options.parameters ?? []) {
    await insertRow("template_version_parameters", { template_version_id: id, ...parameter })
  }
  return {
    id,
    jobId: job.id,
    fileId: file.id,
    name: version.name,
    organizationId: version.organization_id,
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
  const version = await givenVersion(
    creator,
    options.parameters === undefined ? {} : { parameters: options.parameters },
  )
  const template = await insertRow("templates", {
    id: crypto.randomUUID(),
    organization_id: creator.organizationId,
    name: `template-${unique(8)}`,
    active_version_id: version.id,
    created_by: creator.id,
    created_at: epoch,
    updated_at: epoch,
    ...options.columns,
  })
  await query("update template_versions set template_id = $1 where id = $2", [template.id, version.id])
  return { id: template.id, name: template.name, organizationId: template.organization_id, version }
}

export async function givenPreset(
  versionId: string,
  options: { parameters?: Record<string, string>; columns?: Row } = {},
): Promise<{ id: string; name: string }> {
  const preset = await insertRow("template_version_presets", {
    id: crypto.randomUUID(),
    template_version_id: versionId,
    name: `preset-${unique(8)}`,
    created_at: epoch,
    ...options.columns,
  })
  for (const [name, value] of Object.entries(options.parameters ?? {})) {
    await insertRow("template_version_preset_parameters", { preset_id: preset.id, name, value })
  }
  return { id: preset.id, name: preset.name }
}
