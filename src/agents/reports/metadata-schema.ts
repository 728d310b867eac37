// An agent's metadata on the wire (api.md 2.8), for its manifest, its watchers and the workspaces that show it.
import { z } from "@hono/zod-openapi"

export const metadataDescriptionSchema = z
  .object({
    display_name: z.string(),
    key: z.string(),
    script: z.string(),
    interval: z.int().openapi({ description: "seconds" }),
    timeout: z.int().openapi({ description: "seconds" }),
  })
  .openapi("WorkspaceAgentMetadataDescription")
export type MetadataDescription = z.infer<typeof metadataDescriptionSchema>

export const metadataSchema = z
  .object({
    result: z.object({
      collected_at: z.string(),
      age: z.int(),
      value: z.string(),
      error: z.string(),
    }),
    description: metadataDescriptionSchema,
  })
  .openapi("WorkspaceAgentMetadata")
