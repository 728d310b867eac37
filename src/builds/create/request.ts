// The body of a request for a build, checked for its shape alone.
import { z } from "@hono/zod-openapi"
import { tagDetail } from "../../platform/http/errors.ts"
import { nilUuid, uuidSchema } from "../../platform/http/wire.ts"
import { stateText } from "../../templates/manifest/state-size.ts"

/** Absent, null and the nil uuid all mean "not given". */
const optionalUuid = uuidSchema
  .nullish()
  .transform((id) => (id === undefined || id === null || id === nilUuid ? null : id))

const parameterValues = z
  .array(z.object({ name: z.string().max(128), value: z.string().max(65_536) }))
  .max(1_000)
  .nullish()
  .transform((values) => values ?? [])

/** One of the words. The error names the rule by its tag, as clients expect. */
const oneOf = <const Words extends readonly string[]>(words: Words) =>
  z
    .string()
    .refine((word): word is Words[number] => words.includes(word), {
      error: (issue) => tagDetail("oneof", String(issue.input)),
    })
    .openapi({ enum: [...words] })

const reasons = [
  "dashboard",
  "cli",
  "ssh_connection",
  "vscode_connection",
  "jetbrains_connection",
  "task_manual_pause",
] as const

const allowDataLoss = z.boolean().nullish().openapi({
  description:
    "Confirms that the build may destroy disks and other persistent resources. Without it a start or a stop that would is refused.",
})

/** A start that follows a stop once it succeeded: a restart in one call. */
export const followUp = z.object({
  transition: z.string().max(16),
  template_version_id: optionalUuid,
  rich_parameter_values: parameterValues,
  template_version_preset_id: optionalUuid,
  allow_data_loss: allowDataLoss,
})

export const buildRequest = z
  .object({
    transition: oneOf(["start", "stop", "delete"]),
    template_version_id: optionalUuid,
    rich_parameter_values: parameterValues,
    template_version_preset_id: optionalUuid,
    log_level: z.union([z.literal(""), oneOf(["debug"])]).nullish(),
    reason: z.union([z.literal(""), oneOf(reasons)]).nullish(),
    orphan: z.boolean().nullish(),
    state: stateText.nullish(),
    dry_run: z.boolean().nullish(),
    allow_data_loss: allowDataLoss,
    on_success: followUp.nullish(),
  })
  .openapi("CreateWorkspaceBuildRequest", {
    example: {
      transition: "start",
      reason: "dashboard",
      rich_parameter_values: [{ name: "region", value: "eu" }],
    },
  })

export type BuildRequest = z.infer<typeof buildRequest>
export type FollowUp = z.infer<typeof followUp>
