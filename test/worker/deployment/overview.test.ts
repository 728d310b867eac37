// The page at /: it needs no sign-in and allows nothing inline or from elsewhere.
import { expect, test } from "vitest"
import { api } from "../harness.ts"

test("the page lets in only what the deployment itself serves", async () => {
  const { status, headers, text } = await api("/")
  expect(status).toBe(200)
  expect(headers.get("Content-Type")).toMatch(/^text\/html/)
  const policy = headers.get("Content-Security-Policy") ?? ""
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toMatch(/unsafe|https?:|\*/)
  expect(text).not.toMatch(/<style|<script(?![^>]* src="\/)|\son\w+=|(?:src|href)="(?!\/)/)
})
