// The OpenAPI document: what the routes declare, completed by what is true of all of them.
//
// Every answer gets an example.
import type { OpenAPIHono, z } from "@hono/zod-openapi"
import type { AppEnv } from "./env.ts"
import type { ApiDocument, Media, Operation } from "./openapi-document.ts"
import { exampleOf } from "./openapi-example.ts"
import { documentNull, mendNullableReferences } from "./openapi-null.ts"
import { errorDescriptions, type ErrorStatus } from "./wire.ts"

/** The security schemes of a route. One of them is enough; a public route has none. */
export type SecurityOf = (method: string, path: string) => readonly string[]

const info = (version: string) => ({
  openapi: "3.1.0",
  info: { title: "Dormouse", version, description: "Decides when developer workspaces run." },
})

const securitySchemes = {
  user: {
    type: "apiKey",
    in: "header",
    name: "Coder-Session-Token",
    description:
      "A person's session or token. Also taken as a cookie, a query parameter or a bearer token.",
  },
  agent: {
    type: "apiKey",
    in: "header",
    name: "Coder-Session-Token",
    description: "The token of a workspace agent.",
  },
  provisioner: {
    type: "apiKey",
    in: "header",
    name: "Coder-Provisioner-Daemon-Key",
    description: "A provisioner key.",
  },
}

/** What a parameter of this name means wherever it has no description of its own. */
const parameterDescriptions: Record<string, string> = {
  after_id: "The id of the last thing of the page before.",
  agent: "The agent's id.",
  arch: "The machine's architecture: `amd64`, `arm64` or `armv7`.",
  before: "Only lines before this id.",
  build: "The build's id.",
  daemon: "The daemon's id.",
  expect_status: "Cancel only while the job is in this state.",
  follow: "Present: a WebSocket that follows.",
  format: "How the answer is written.",
  id: "The thing's id.",
  ids: "Only these: ids, separated by commas.",
  include_all: "Those of all users too.",
  include_archived: "Archived ones too.",
  include_expired: "Expired ones too.",
  initiator: "Only what this user asked for.",
  interval: "The length of an interval of the report.",
  job: "The job's id.",
  key: "The item's key.",
  keyid: "The key's id, ten characters.",
  keyname: "The token's name.",
  limit: "How many at most; 0 is no limit.",
  listen: "Whether to wait for an answer.",
  match: "An address that the thing must be for.",
  max_age: "Only what was seen within this time, as in `1h30m`.",
  name: "The thing's name.",
  no_compression: "Accepted, and without effect.",
  number: "The build's number, from 1.",
  offline: "Those that are offline too.",
  offset: "How many to pass over.",
  organization: "An id, a name or `default`.",
  organizationname: "The organization's id or name.",
  os: "The machine's operating system: `linux`, `darwin` or `windows`.",
  q: "A search: words and `key:value`, separated by blanks; double quotes protect.",
  read_status: "Only those that are read, or unread.",
  sections: "The parts of the report, separated by commas.",
  session: "The session's id, as the agent was told.",
  since: "Only what was made after this instant.",
  starting_before: "Only those older than this one.",
  status: "Only those in one of these states, separated by commas.",
  tags: "Only those with these tags: a JSON object of texts.",
  template: "The template's name or id.",
  template_id: "Only what is of this template.",
  timezone: "An IANA time zone, as in `Europe/Berlin`.",
  tz_offset: "Whole hours from UTC, east positive.",
  user: "An id, a username or `me`.",
  user_id: "Only what is this user's.",
  workspace: "The workspace's id.",
  workspace_id: "Only what is of this workspace.",
  workspacename: "The workspace's name.",
  "x-setup-token": "The deployment's setup token.",
}

/** A body for each status, as it may be read from any route. */
const errorExamples: Record<
  ErrorStatus,
  { message: string; detail?: string; validations?: unknown[] }
> = {
  400: {
    message: "Validation failed.",
    validations: [{ field: "name", detail: 'Validation failed for tag "required" with value: ""' }],
  },
  401: {
    message: "You are signed out or your session has expired. Please sign in again to continue.",
    detail: "API key is invalid.",
  },
  403: { message: "Forbidden.", detail: "You don't have permission to view this content." },
  404: { message: "Resource not found or you do not have access to this resource" },
  405: { message: 'Workspace "my-workspace" is deleted and cannot be updated.' },
  406: {
    message: "The provided template version is pending. Wait for it to complete importing!",
  },
  409: {
    message: "A workspace build is already active.",
    detail: "A workspace build is already active.",
  },
  410: { message: 'Workspace "my-workspace" is deleted.' },
  412: { message: "Job is not in the expected state." },
  413: { message: "Request body too large." },
  417: { message: "The user still has workspaces." },
  425: { message: "Template version job has not finished" },
  426: { message: "This endpoint is a WebSocket." },
  429: { message: "You've been rate limited for sending more than 512 requests in 1m0s." },
  500: { message: "An internal server error occurred." },
  503: { message: "The database is not available. Please try again in a moment." },
}

/** `bodyExamples` are by method and path; every other body's example is made from its schema. */
export function describeApi(
  app: OpenAPIHono<AppEnv>,
  version: string,
  { securityOf, bodyExamples }: { securityOf: SecurityOf; bodyExamples: Record<string, unknown> },
): ApiDocument {
  const document = app.getOpenAPI31Document(info(version)) as unknown as ApiDocument
  document.components.securitySchemes = securitySchemes
  const { schemas } = document.components
  mendNullableReferences(document)
  documentNullOfBodies(app, document)
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      completeOperation(operation, method, path, securityOf(method.toUpperCase(), path))
      const body = operation.requestBody?.content["application/json"]
      const example = bodyExamples[`${method.toUpperCase()} ${path}`]
      if (body !== undefined && example !== undefined) body.example = example
      for (const media of mediaOf(operation)) {
        if (media.schema !== undefined) media.example ??= exampleOf(media.schema, schemas)
      }
    }
  }
  return document
}

function documentNullOfBodies(app: OpenAPIHono<AppEnv>, { paths, components }: ApiDocument): void {
  for (const definition of app.openAPIRegistry.definitions) {
    if (definition.type !== "route") continue
    const { method, path, request } = definition.route
    const media = request?.body?.content["application/json"]
    const schema = media !== undefined && "schema" in media ? media.schema : undefined
    const body = paths[path]?.[method]?.requestBody?.content["application/json"]?.schema
    if (schema === undefined || body === undefined || !("_zod" in schema)) continue
    documentNull(schema as z.ZodType, body, components.schemas)
  }
}

function completeOperation(
  operation: Operation,
  method: string,
  path: string,
  security: readonly string[],
): void {
  operation.operationId ??= operationIdOf(method, path)
  operation.security = security.map((scheme) => ({ [scheme]: [] }))
  for (const parameter of operation.parameters ?? []) {
    const described = parameter.description ?? parameterDescriptions[parameter.name]
    if (described !== undefined) parameter.description = described
  }
  const answer = operation.responses[200]
  if (answer?.content !== undefined && takesText(operation))
    answer.content["text/plain"] = { schema: { type: "string" }, example: "Pulling image\n" }
  for (const status of statusesOfAll(operation, security)) {
    operation.responses[status] ??= {
      description: errorDescriptions[status],
      content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
    }
  }
  for (const [status, answer] of Object.entries(operation.responses)) {
    const media = answer.content?.["application/json"]
    const example = errorExamples[Number(status) as ErrorStatus]
    if (media !== undefined && Number(status) >= 400) media.example ??= example
  }
}

/** True if `?format=text` answers plain text instead of JSON. */
const takesText = ({ parameters = [] }: Operation) =>
  parameters.some(({ name, schema }) => name === "format" && schema?.enum?.includes("text"))

/** The errors of every route: an unknown caller, a bad request, too many, or a failing server. */
function statusesOfAll(operation: Operation, security: readonly string[]): ErrorStatus[] {
  const parameters = operation.parameters ?? []
  const takesInput = operation.requestBody !== undefined || parameters.length > 0
  const namesThing = parameters.some((parameter) => parameter.in === "path")
  return [
    ...(takesInput ? ([400] as const) : []),
    ...(namesThing ? ([404] as const) : []),
    ...(security.length > 0 ? ([401] as const) : []),
    ...(operation.requestBody === undefined ? [] : ([413] as const)),
    429,
    500,
    503,
  ]
}

function mediaOf(operation: Operation): Media[] {
  const contents = [
    operation.requestBody?.content,
    ...Object.values(operation.responses).map((a) => a.content),
  ]
  return contents.flatMap((content) =>
    content?.["application/json"] ? [content["application/json"]] : [],
  )
}

/** `get /api/v2/workspaces/{workspace}/builds` is `getWorkspacesByWorkspaceBuilds`. */
function operationIdOf(method: string, path: string): string {
  const words = path
    .replace(/^\/api\/v2/, "")
    .split(/[/-]/)
    .filter((part) => part !== "")
    .map((part) => part.replace(/^\{(.*)\}$/, "by-$1"))
    .flatMap((part) => part.split("-"))
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("")
}
