// A WebSocket handshake that authenticates by its cookie must come from our own pages.
import { expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { fetchWorker } from "../harness.ts"

const id = "5b9e1c0a-3d3f-4e55-9f0e-8d3c3f1f4a11"

const handshake = (path: string, token: string, headers: Record<string, string>) =>
  fetchWorker(`/api/v2${path}`, {
    headers: { Upgrade: "websocket", Cookie: `coder_session_token=${token}`, ...headers },
  })

test.each([
  "/notifications/inbox/watch",
  `/workspaces/${id}/watch-ws`,
  `/workspacebuilds/${id}/logs?follow`,
  `/workspaceagents/${id}/forward`,
  `/workspaceagents/${id}/logs?follow`,
  `/workspaceagents/${id}/watch-metadata-ws`,
])("a page of another site cannot open %s", async (path) => {
  const { token } = await givenUser()
  for (const headers of [
    { Origin: "https://evil.test" },
    { Origin: "https://evil.test", "Sec-Fetch-Site": "same-site" },
    {},
  ]) {
    const response = await handshake(path, token, headers)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain("CSRF token")
  }
})

test("our own page opens a socket with its cookie", async () => {
  const { token } = await givenUser()
  const response = await handshake("/notifications/inbox/watch", token, {
    Origin: "https://dormouse.test",
  })
  expect(response.status).toBe(101)
  response.webSocket?.accept()
  response.webSocket?.close()
})
