// The ports that a workspace listens on: reported by its agent over the socket, read by people.
import { z } from "@hono/zod-openapi"

export const listeningPortSchema = z
  .object({
    process_name: z.string().max(64).openapi({ description: "Empty if the agent may not see it." }),
    network: z.literal("tcp"),
    port: z.int().min(1).max(65_535),
  })
  .openapi("ListeningPort")
export type ListeningPort = z.infer<typeof listeningPortSchema>

/** A frame from an agent. An agent with more ports leaves out the highest ones. */
const frameSchema = z.object({
  type: z.literal("ports"),
  ports: z.array(listeningPortSchema).max(256),
})
const frameLengthMax = 65_536

/** Returns the ports of a frame in ascending order, or null if it is malformed. */
export function readPortsFrame(data: string | ArrayBuffer): ListeningPort[] | null {
  if (typeof data !== "string" || data.length > frameLengthMax) return null
  try {
    const { data: frame } = frameSchema.safeParse(JSON.parse(data))
    return frame?.ports.toSorted((a, b) => a.port - b.port) ?? null
  } catch {
    return null
  }
}
