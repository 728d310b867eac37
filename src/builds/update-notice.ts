// The notification that a person moved a workspace to another version.
//
// It is sent to the template admins of the organization, except to the person who did it.
import { type SQL, sql } from "drizzle-orm"
import { templateAdmin } from "./ended-builds.ts"
import { outboxInsert } from "../notifications/fragment.ts"
import { notificationIds } from "../notifications/templates.ts"

/** The CTE `noticed_update`, over the CTE `builds` of the build that was created. */
export const updateNotice = (versionId: string, initiator: SQL, now: Date): SQL =>
  sql`noticed_update as (${outboxInsert(
    {
      templateId: notificationIds.workspaceManuallyUpdated,
      userId: sql`a.id`,
      labels: sql`jsonb_build_object('organization', o.name, 'initiator', i.username,
      'workspace', w.name, 'template', t.name,
        'version', v.name)`,
      targets: sql`array[w.id, w.owner_id, w.template_id, w.organization_id]`,
      createdBy: "api-workspaces-updated",
      idempotencyKey: sql`'workspace-updated:' || b.id || ':' || a.id`,
    },
    sql`builds b join workspaces w on w.id = b.workspace_id join templates t on t.id = w.template_id
      join organizations o on o.id = w.organization_id join template_versions v
        on v.id = ${versionId}::uuid
      join users i on i.id = ${initiator}
      join organization_members m on m.organization_id = w.organization_id join users a
        on ${templateAdmin(sql`a`, sql`m`)}
      where a.id <> i.id`,
    now,
  )})`
