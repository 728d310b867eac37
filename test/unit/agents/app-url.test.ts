// Which links an app may have: any viewer's browser may follow them.
import { expect, test } from "vitest"
import { findAppUrlError } from "../../../src/agents/app-row.ts"
import { findResourceError } from "../../../src/queue/complete/resource-rows.ts"

test.each([
  ["https://example.test/a?b#c", true],
  ["HTTP://localhost:8080", false],
  ["vscode://coder.coder-remote/open?token=$SESSION_TOKEN", true],
  ["jetbrains-gateway://connect#a=b", true],
  ["", false],
])("%j with external: %s is allowed", (url, external) => {
  expect(findAppUrlError({ url, external })).toBeNull()
})

test.each([
  ["javascript:fetch('/')", true],
  [" javascript:alert(1)", true],
  ["java\nscript:alert(1)", true],
  ["data:text/html,x", true],
  ["file:///etc/passwd", true],
  ["vscode:alert(1)", true],
  ["//evil.test/", true],
  ["vscode://open", false],
  ["https://evil.test/?t=$SESSION_TOKEN", true],
  ["http://localhost/$SESSION_TOKEN", false],
])("%j with external: %s is refused", (url, external) => {
  expect(findAppUrlError({ url, external })).toMatch(/URL|SESSION_TOKEN/)
})

test("a health check takes http and https alone", () => {
  const healthcheck = { url: "file:///etc/passwd", interval: 5, threshold: 3 }
  expect(findAppUrlError({ healthcheck })).toContain("health check")
})

test("a plan with such an app is refused with the names of the agent and the app", () => {
  const apps = [{ slug: "web", external: true, url: "javascript:fetch('/')" }]
  const resources = [{ type: "vm", name: "vm", agents: [{ name: "main", apps }] }]
  expect(findResourceError(resources)).toContain('App "web" of agent "main": The URL')
})
