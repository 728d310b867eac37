// Notices about a claim whose build replaced resources.
//
// Such a prebuild saved little time, so the template admins are notified.
import { type SQL, sql } from "drizzle-orm"
import { outboxInsert } from "../../notifications/fragment.ts"
import { notificationIds } from "../../notifications/templates.ts"
import { json } from "../../platform/db/sql.ts"
import { isStage, replacedInput } from "../prebuild-stage.ts"
import type { ReportedReplacement } from "../../templates/manifest/reported.ts"
import { withoutNul } from "../../platform/db/without-nul.ts"

/** One resource per line, with its attributes. */
const textOf = (replacements: readonly ReportedReplacement[]) =>
  withoutNul(replacements)
    .map(({ resource, paths }) => `${resource}: ${paths.join(",")}`)
    .join("\n")

/**
 * The input of a job `j` that ends. A claim's input records that it replaced resources, for the
 * metrics to count.
 */
export function markReplaced(replacements: readonly ReportedReplacement[]): SQL {
  if (replacements.length === 0) return sql`j.input`
  return sql`case when ${isStage(sql`j.input`, "claim")} then j.input || ${json(replacedInput)}
    else j.input end`
}

/**
 * A CTE over `ended_builds`: notifies each template admin of the site of a claim's replacements,
 * once per build.
 */
export function replacementNotice(replacements: readonly ReportedReplacement[], now: Date): SQL {
  return sql`noticed_replacements as (${outboxInsert(
    {
      templateId: notificationIds.workspaceResourceReplaced,
      userId: sql`a.id`,
      labels: sql`jsonb_build_object('workspace', f.name, 'template', f.template_name,
        'template_version', f.template_version_name,
        'preset', p.name, 'claimant', f.initiator, 'replacements', ${textOf(replacements)}::text)`,
      targets: sql`f.targets`,
      createdBy: "provisionerdserver",
      idempotencyKey: sql`'resources-replaced:' || f.build_id || ':' || a.id`,
    },
    sql`ended_builds f
      join workspace_builds b on b.id = f.build_id join provisioner_jobs j on j.id = b.job_id
      join workspace_builds o on o.workspace_id = f.workspace_id and o.build_number = 1
      join template_version_presets p on p.id = o.template_version_preset_id
      join users a on 'template-admin' = any(a.site_roles) and not a.deleted
        and a.status <> 'suspended'
      where ${replacements.length > 0}::boolean and ${isStage(sql`j.input`, "claim")}`,
    now,
  )})`
}
