// The bodies of requests about template versions.
//
// Go clients send nil uuids or null for fields that they cannot leave out.
import { z } from "@hono/zod-openapi"
import { isTemplateVersionName } from "../../platform/names.ts"
import { tagError } from "../../platform/http/tag-error.ts"
import { nilUuid, uuidSchema } from "../../platform/http/wire.ts"
import { tagSet } from "../../queue/tags.ts"

const messageLengthMax = 1_048_576

const oneOf = <const Options extends readonly [string, ...string[]]>(options: Options) =>
  z.enum(options, { error: tagError("oneof") })

const optionalUuid = uuidSchema
  .nullish()
  .transform((id) => (id === undefined || id === null || id === nilUuid ? null : id))

export const versionName = z
  .string()
  .refine((name) => name === "" || isTemplateVersionName(name), {
    error: tagError("template_version_name"),
  })
  .openapi({ maxLength: 64 })

export const versionMessage = z.string().max(messageLengthMax, { error: tagError("lt") })

export const createVersionRequest = z
  .object({
    name: versionName.nullish(),
    message: versionMessage.nullish(),
    template_id: optionalUuid,
    storage_method: oneOf(["file"]),
    file_id: optionalUuid,
    example_id: z.string().max(128).nullish(),
    provisioner: oneOf(["terraform", "echo"]),
    tags: tagSet.nullish(),
    user_variable_values: z
      .array(z.object({ name: z.string().max(128), value: z.string().max(8_192) }))
      .max(200)
      .nullish(),
  })
  .openapi("CreateTemplateVersionRequest")

export const patchVersionRequest = z
  .object({ name: versionName.nullish(), message: versionMessage.nullish() })
  .openapi("PatchTemplateVersionRequest")
