// The body of a request to create a workspace, checked for its shape alone.
import { z } from "@hono/zod-openapi"
import { tagDetail } from "../../platform/http/errors.ts"
import { isResourceName } from "../../platform/names.ts"
import { int64Schema, nilUuid, uuidSchema } from "../../platform/http/wire.ts"

/** Absent, null and the nil uuid all mean "not given". */
const optionalUuid = uuidSchema
  .nullish()
  .transform((id) => (id === undefined || id === null || id === nilUuid ? null : id))

export const parameterValue = z.object({ name: z.string().max(128), value: z.string().max(65_536) })

/** A workspace's name. Clients know the tag of each rule that a name breaks. */
export const workspaceName = z.string().superRefine((name, context) => {
  if (name === "") context.addIssue({ code: "custom", message: tagDetail("required", "") })
  else if (!isResourceName(name))
    context.addIssue({ code: "custom", message: tagDetail("username", name) })
})

export const createRequest = z
  .object({
    name: workspaceName.openapi({ example: "my-workspace" }),
    template_id: optionalUuid,
    template_version_id: optionalUuid,
    autostart_schedule: z
      .string()
      .max(1_024)
      .nullish()
      .openapi({ example: "CRON_TZ=Europe/Berlin 30 9 * * 1-5" }),
    ttl_ms: int64Schema.nullish().openapi({ example: 28_800_000 }),
    rich_parameter_values: z.array(parameterValue).max(1_000).nullish(),
    automatic_updates: z
      .string()
      .max(64)
      .nullish()
      .openapi({ enum: ["always", "never"] }),
    template_version_preset_id: optionalUuid,
  })
  .superRefine(({ template_id, template_version_id }, context) => {
    const isOne = (template_id === null) !== (template_version_id === null)
    if (isOne) return
    const tag = template_id === null ? "required_without" : "excluded_with"
    const ids = { template_id, template_version_id }
    for (const [field, id] of Object.entries(ids)) {
      context.addIssue({ code: "custom", path: [field], message: tagDetail(tag, id ?? nilUuid) })
    }
  })
  .openapi("CreateWorkspaceRequest", {
    example: {
      name: "my-workspace",
      template_id: "5b9e1c0a-3d3f-4e55-9f0e-8d3c3f1f4a11",
      autostart_schedule: "CRON_TZ=Europe/Berlin 30 9 * * 1-5",
      ttl_ms: 28_800_000,
      rich_parameter_values: [{ name: "region", value: "eu" }],
      automatic_updates: "never",
    },
  })

export type CreateRequest = z.infer<typeof createRequest>
