// The example of every body is one that the server takes: a person who copies it gets no 400.
import { expect, test } from "vitest"
import openapi from "../../../../openapi.json"
import { api } from "../../harness.ts"
import { givenPlace } from "../../access/matrix/place.ts"
import { givenWorld } from "../../access/matrix/principals.ts"

type Operation = { requestBody?: { content: Record<string, { example?: unknown }> } }

const malformed = new Set(["Validation failed.", "Request body must be valid JSON."])

test("no example of a body fails its own validation", async () => {
  const world = await givenWorld()
  const place = await givenPlace(world.organization, world.provisioner)
  const wrong: string[] = []
  for (const [path, operations] of Object.entries(openapi.paths)) {
    for (const [method, { requestBody }] of Object.entries(
      operations as Record<string, Operation>,
    )) {
      const body = requestBody?.content["application/json"]?.example
      if (body === undefined) continue
      const url = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => place.params[name] ?? name)
      const headers = path.startsWith("/api/v2/workspaceagents/me/")
        ? { "Coder-Session-Token": place.agent.token }
        : path.startsWith("/api/v2/provisionerdaemons")
          ? world.headers.provisioner
          : world.headers.owner
      const answer = await api(url, { method: method.toUpperCase(), headers, body })
      if (answer.status === 400 && malformed.has(answer.body.message))
        wrong.push(`${method} ${path}: ${answer.text}`)
    }
  }
  expect(wrong).toEqual([])
})
