// An example of any schema of the OpenAPI document.
//
// It is made by hand because a sampler knows types only: it would call every schedule, slug and
// icon "string". Parts bring their own examples, enums and formats. For plain texts and numbers the
// name decides, since a name means the same everywhere in this API.

export type JsonSchema = {
  $ref?: string
  type?: string | string[]
  format?: string
  example?: unknown
  default?: unknown
  const?: unknown
  enum?: unknown[]
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  allOf?: JsonSchema[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: boolean | JsonSchema
  minimum?: number
  maximum?: number
  maxItems?: number
}
export type Schemas = Record<string, JsonSchema>

const depthMax = 24

const exampleId = "5b9e1c0a-3d3f-4e55-9f0e-8d3c3f1f4a11"

/** Unusual fields: left out if optional, else null or empty if the schema allows it. */
const unusual = new Set([
  "failing_agents",
  "has_ai_task",
  "instance_id",
  "latest_app_status",
  "parent_id",
  "task_id",
  "backoff_until",
  "canceled_at",
  "deleting_at",
  "disconnected_at",
  "dormant_at",
  "error",
  "error_code",
  "last_error",
  "validation_error",
])

/** An enum's example is the first of these that it has, else its own first value. */
const usualWords = [
  "succeeded",
  "running",
  "connected",
  "healthy",
  "workspace_build",
  "ready",
  "active",
]

const texts: Record<string, string> = {
  action: "write",
  agent_api_version: "1.0",
  api_version: "1.0",
  architecture: "amd64",
  command: "code-server",
  cron: "0 9 * * 1-5",
  date: "2024-01-01",
  description: "A Linux machine with Docker",
  directory: "/home/alice",
  display_name: "Docker",
  email: "alice@example.com",
  email_from: "dormouse@example.com",
  expanded_directory: "/home/alice",
  icon: "/icon/docker.svg",
  initiator_name: "alice",
  key: "region",
  level: "info",
  lifecycle_state: "ready",
  log_path: "/tmp/startup.log",
  name: "docker",
  operating_system: "linux",
  organization_display_name: "Engineering",
  organization_name: "engineering",
  output: "Pulling image",
  owner_name: "alice",
  password: "correct horse battery staple",
  reason: "initiator",
  schedule: "CRON_TZ=Europe/Berlin 30 9 * * 1-5",
  script: "echo ready",
  state: "e30=",
  session_token: "xJ3kq0ZtPw-6sGmT1bQeVn4uYcA8dKhRf",
  slug: "code",
  stage: "Starting workspace",
  template_display_name: "Docker",
  template_name: "docker",
  template_version_name: "brave_lamp4821",
  timezone: "Europe/Berlin",
  title: "Workspace marked as dormant",
  type: "docker_container",
  uri: "https://ci.example.com/runs/42",
  url: "http://localhost:13337",
  user_agent: "curl/8.5.0",
  username: "alice",
  value: "eu",
  version: "v2.36.0",
  workspace_name: "my-workspace",
  workspace_owner_name: "alice",
}

const numbers: Record<string, number> = {
  budget: -1,
  build_number: 3,
  connection_timeout_seconds: 120,
  count_cap: 2000,
  daily_cost: 0,
  queue_position: 0,
  queue_size: 0,
  default_ttl_ms: 28_800_000,
  exit_code: 0,
  lifetime: 604_800_000_000_000,
  lifetime_seconds: 86_400,
  max_token_lifetime: 604_800_000_000_000,
  activity_bump_ms: 3_600_000,
  status_code: 200,
  ttl_ms: 28_800_000,
  tz_hour_offset: 1,
  weeks: 1,
}

/** `name` is the name of the field that holds the value. */
export function exampleOf(schema: JsonSchema, schemas: Schemas, name = "", depth = 0): unknown {
  const types = [schema.type ?? []].flat()
  const isNullable = types.includes("null") || (schema.anyOf ?? schema.oneOf)?.some(isNull) === true
  if (isNullable && unusual.has(name)) return null
  if (schema.example !== undefined) return schema.example
  if (depth > depthMax) return null
  if (schema.$ref !== undefined) {
    const target = schemas[schema.$ref.split("/").at(-1) ?? ""]
    return target === undefined ? null : exampleOf(target, schemas, name, depth + 1)
  }
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) {
    const words = schema.enum.filter((value) => value !== null && value !== "")
    return usualWords.find((word) => words.includes(word)) ?? words[0]
  }
  const parts = schema.allOf?.map((part) => exampleOf(part, schemas, name, depth + 1))
  if (parts !== undefined) return Object.assign({}, ...(parts as object[])) as unknown
  const options = schema.anyOf ?? schema.oneOf
  if (options !== undefined) {
    const usual = options.find((option) => !isNull(option) && option.const !== "") ?? options[0]
    return usual === undefined ? null : exampleOf(usual, schemas, name, depth + 1)
  }
  switch (types.find((type) => type !== "null")) {
    case "object":
      return objectExample(schema, schemas, depth)
    case "array":
      return schema.items === undefined || schema.maxItems === 0 || unusual.has(name)
        ? []
        : [exampleOf(schema.items, schemas, singular(name), depth + 1)]
    case "string":
      return textExample(schema, name)
    case "integer":
    case "number":
      return numbers[name] ?? schema.default ?? Math.max(1, schema.minimum ?? 1)
    case "boolean":
      return schema.default ?? (name.startsWith("allow_") || name === "healthy")
    default:
      return null
  }
}

function objectExample(
  schema: JsonSchema,
  schemas: Schemas,
  depth: number,
): Record<string, unknown> {
  const shown = Object.entries(schema.properties ?? {}).filter(
    ([name]) => schema.required?.includes(name) || !unusual.has(name),
  )
  const values = shown.map(([name, property]) => [
    name,
    exampleOf(property, schemas, name, depth + 1),
  ])
  if (values.length === 0 && typeof schema.additionalProperties === "object") {
    return { region: exampleOf(schema.additionalProperties, schemas, "value", depth + 1) }
  }
  return Object.fromEntries(values) as Record<string, unknown>
}

function textExample({ format, default: standard }: JsonSchema, name: string): unknown {
  if (format === "uuid") return exampleId
  if (format === "date-time") return "2024-01-01T12:00:00Z"
  if (format === "email") return texts["email"]
  if (format === "uri") return "https://example.com"
  const known = texts[name] ?? standard
  if (known !== undefined) return known
  if (/(^|_)ids?$|^ID$|^hash$/.test(name)) return exampleId
  if (/(_at|_time|^time|_seen|^last_used|^next|_from)$/.test(name)) return "2024-01-01T12:00:00Z"
  if (/(_|^)(url|uri)$|Url$/.test(name)) return "https://example.com"
  if (/_?icon$/i.test(name)) return texts["icon"]
  return name === "" ? "text" : name.replaceAll("_", " ")
}

const isNull = ({ type }: JsonSchema) => type === "null"

const singular = (name: string) => name.replace(/s$/, "")
