// Uploading archives: once per content, bounded, readable by those who may.
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { storeUpload, uploadBytesMax } from "../../../src/templates/files/store-upload.ts"
import { givenUser } from "../given-people.ts"
import { api, fetchWorker } from "../harness.ts"

const tar = { "Content-Type": "application/x-tar" }
const bytes = (text: string) => new TextEncoder().encode(text)
const files = "/api/v2/files"

async function sha256Hex(data: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", data)
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}

function streamOf(chunks: number, chunkBytes: number): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      if (sent === chunks) return controller.close()
      return controller.enqueue(new Uint8Array(chunkBytes).fill(sent++ % 251))
    },
  })
}

describe("upload", () => {
  test("201, then 200 with the same id when the person uploads the same content", async () => {
    const { token } = await givenUser({ roles: ["template-admin"] })
    const body = bytes(`archive ${crypto.randomUUID()}`)
    const first = await api(files, { token, body, headers: tar })
    const second = await api(files, { token, body, headers: tar })
    expect(first.status).toBe(201)
    expect(second.status).toBe(200)
    expect(second.body).toEqual(first.body)
    expect((await env.FILES.head(await sha256Hex(body)))?.size).toBe(body.byteLength)
  })

  test("another person's upload of the same content is a file over the same bytes", async () => {
    const one = await givenUser({ roles: ["template-admin"] })
    const two = await givenUser({ roles: ["template-admin"] })
    const body = bytes(`shared ${crypto.randomUUID()}`)
    const first = await api(files, { token: one.token, body, headers: tar })
    const second = await api(files, { token: two.token, body, headers: tar })
    expect(second.status).toBe(201)
    expect(second.body.hash).not.toBe(first.body.hash)
  })

  test("the bytes come back as they came, to who uploaded them alone", async () => {
    const { token } = await givenUser({ roles: ["template-admin"] })
    const member = await givenUser()
    const zip = new Uint8Array([80, 75, 3, 4, 0, 255])
    const headers = { "Content-Type": "application/x-zip-compressed" }
    const { body } = await api(files, { token, body: zip, headers })
    const answer = await fetchWorker(`${files}/${body.hash}`, { token })
    expect(answer.status).toBe(200)
    expect(answer.headers.get("Content-Type")).toBe("application/zip")
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(zip)
    expect((await api(`${files}/${body.hash}`, { token: member.token })).status).toBe(404)
  })

  test("a large upload gathers in parts and ends under its hash", async () => {
    const chunks = 40
    const stored = await storeUpload(env.FILES, streamOf(chunks, 500_000))
    const whole = new Uint8Array(await new Response(streamOf(chunks, 500_000)).arrayBuffer())
    const hash = await sha256Hex(whole)
    expect(stored).toEqual({ hash, sizeBytes: 20_000_000 })
    expect((await env.FILES.head(hash))?.size).toBe(20_000_000)
    expect(await storeUpload(env.FILES, streamOf(chunks, 500_000))).toEqual(stored)
    expect((await env.FILES.list({ prefix: "uploads/" })).objects).toEqual([])
  })

  test("a body beyond the bound is refused and leaves nothing", async () => {
    const chunkBytes = 5 * 1024 * 1024
    expect(
      await storeUpload(env.FILES, streamOf(uploadBytesMax / chunkBytes + 1, chunkBytes)),
    ).toBeNull()
    expect((await env.FILES.list({ prefix: "uploads/" })).objects).toEqual([])
  })
})

test("400: another content type, an empty body", async () => {
  const { token } = await givenUser({ roles: ["template-admin"] })
  const wrong = await api(files, {
    token,
    body: bytes("x"),
    headers: { "Content-Type": "text/plain" },
  })
  expect(wrong).toMatchObject({
    status: 400,
    body: { message: 'Unsupported content type header "text/plain".' },
  })
  expect((await api(files, { token, body: bytes(""), headers: tar })).status).toBe(400)
})

test("401 without a credential; a member may upload for themselves", async () => {
  expect((await api(files, { body: bytes("x"), headers: tar })).status).toBe(401)
  const member = await givenUser()
  expect((await api(files, { token: member.token, body: bytes("x"), headers: tar })).status).toBe(
    201,
  )
})
