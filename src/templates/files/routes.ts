// Routes that upload and download template archives.
import { createRoute, z } from "@hono/zod-openapi"
import { ApiError, badRequest, forbidden, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, uuidSchema } from "../../platform/http/wire.ts"
import { mayUpload, readableFile, recordFile } from "./statements.ts"
import { storeUpload, uploadBytesMax } from "./store-upload.ts"

const mimetypes: Record<string, string> = {
  "application/x-tar": "application/x-tar",
  "application/gzip": "application/gzip",
  "application/x-gzip": "application/gzip",
  "application/x-gtar": "application/gzip",
  "application/zip": "application/zip",
  "application/x-zip-compressed": "application/zip",
}

const uploadedFile = z.object({ hash: uuidSchema }).openapi("UploadedFile")

export const fileRoutes = createRouter()

const upload = createRoute({
  method: "post",
  path: "/files",
  tags: ["Files"],
  summary: "Upload a template archive (tar, tar.gz or zip, at most 95 MB)",
  responses: {
    200: jsonBody(uploadedFile, "The caller uploaded the same content before."),
    201: jsonBody(uploadedFile, "The file; its id is under `hash`."),
    ...errors(400, 401, 403, 413),
  },
})

fileRoutes.openapi(upload, async (c) => {
  const [permission] = await c.var.caller.query(mayUpload())
  if (!permission?.allowed) throw forbidden()
  const contentType =
    (c.req.header("Content-Type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? ""
  const mimetype = mimetypes[contentType]
  if (mimetype === undefined)
    throw badRequest(`Unsupported content type header ${JSON.stringify(contentType)}.`)
  const body = c.req.raw.body
  if (body === null)
    throw badRequest("Failed to read file from request.", { detail: "The body is empty." })
  if (Number(c.req.header("Content-Length") ?? 0) > uploadBytesMax) throw tooLarge()
  const stored = await storeUpload(c.env.FILES, body)
  if (stored === null) throw tooLarge()
  if (stored.sizeBytes === 0)
    throw badRequest("Failed to read file from request.", { detail: "The body is empty." })
  const [file] = await c.var.caller.query(
    recordFile(crypto.randomUUID(), stored, mimetype, c.var.now),
  )
  if (!file) throw notFound()
  return file.created ? c.json({ hash: file.id }, 201) : c.json({ hash: file.id }, 200)
})

const tooLarge = () => new ApiError(413, "Request body too large.")

const download = createRoute({
  method: "get",
  path: "/files/{id}",
  tags: ["Files"],
  summary: "Download an uploaded archive",
  request: { params: z.object({ id: uuidSchema }) },
  responses: { 200: { description: "The bytes of the archive." }, ...errors(400, 401, 404) },
})

fileRoutes.openapi(download, async (c) => {
  const [file] = await c.var.caller.query(readableFile(c.req.valid("param").id))
  if (!file) throw notFound()
  const object = await c.env.FILES.get(file.hash)
  if (object === null) throw notFound()
  return new Response(object.body, {
    headers: { "Content-Type": file.mimetype, "Content-Length": String(file.size_bytes) },
  })
})
