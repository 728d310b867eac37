// The reference page at /docs: the OpenAPI document as plain HTML, one section a tag, then the schemas. Made on the server, so
// that it loads nothing from elsewhere, reads without scripts and prints.
import { html, raw } from "hono/html"
import { docsScript, docsStyle } from "./docs-assets.ts"
import type { ApiDocument, Operation } from "./openapi.ts"
import type { JsonSchema } from "./openapi-example.ts"

const methods = ["get", "post", "put", "patch", "delete"] as const

type Entry = { method: string; path: string; operation: Operation }
type Page = ReturnType<typeof html>

const whoMayAsk: Record<string, string> = {
  user: "a person, by a session or a token",
  agent: "a workspace agent, by its token",
  provisioner: "a provisioner daemon, by its key",
}

export function docsPage({ info, paths, components }: ApiDocument): Page {
  const entries = Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method): Entry[] =>
      item[method] ? [{ method, path, operation: item[method] }] : [],
    ),
  )
  const byTag = Map.groupBy(entries, ({ operation }) => operation.tags?.[0] ?? "Other")
  const tags = [...byTag.keys()].toSorted()
  const schemas = Object.entries(components.schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title} API</title>
        <style>
          ${raw(docsStyle)}
        </style>
      </head>
      <body>
        <nav>
          <h1>${info.title}</h1>
          <p>${info.description} Version ${info.version}.</p>
          <p><a href="/openapi.json">openapi.json</a></p>
          <p>
            <input
              type="search"
              id="filter"
              placeholder="Filter"
              aria-label="Filter the operations"
            />
          </p>
          <ul>
            ${tags.map((tag) => html`<li><a href="#${anchor(tag)}">${tag}</a></li>`)}
            <li><a href="#schemas">Schemas</a></li>
          </ul>
        </nav>
        <main>
          ${introduction}
          ${tags.map(
            (tag) =>
              html`<section id="${anchor(tag)}">
                <h2>${tag}</h2>
                ${byTag.get(tag)?.map(operationBlock)}
              </section>`,
          )}
          <section id="schemas">
            <h2>Schemas</h2>
            ${schemas.map(([name, schema]) => schemaBlock(name, schema))}
          </section>
        </main>
        <script>
          ${raw(docsScript)}
        </script>
      </body>
    </html>`
}

const introduction = html`<section>
  <p>
    Everything is JSON under <code>/api/v2</code>. Sign in with
    <code>POST /api/v2/users/login</code> or make a token, and send it as
    <code>Coder-Session-Token</code>:
  </p>
  <pre>curl -H "Coder-Session-Token: $TOKEN" "$DORMOUSE_URL/api/v2/workspaces?q=owner:me"</pre>
  <p>
    Every error has a <code>message</code>, and may have a <code>detail</code> and a list of
    <code>validations</code>, one for each field at fault. What may not be read does not exist: it
    is a 404.
  </p>
</section>`

const anchor = (tag: string) => tag.toLowerCase().replace(/[^a-z0-9]+/g, "-")

function operationBlock({ method, path, operation }: Entry): Page {
  const body = operation.requestBody?.content["application/json"]
  const who = (operation.security ?? [])
    .flatMap((one) => Object.keys(one))
    .map((name) => whoMayAsk[name])
  return html`<details id="${operation.operationId}">
    <summary>
      <b class="${method}">${method.toUpperCase()}</b> <code>${path}</code>
      <span>${operation.summary}</span>
    </summary>
    ${operation.description ? html`<p>${operation.description}</p>` : ""}
    <p>Open to ${who.length === 0 ? "everybody" : who.join(", or ")}.</p>
    ${parameterTable(operation)}
    ${
      body
        ? html`<h4>Body</h4>
            ${media(body)}`
        : ""
    }
    <h4>Answers</h4>
    <table>
      ${Object.entries(operation.responses).map(
        ([status, { description, content }]) =>
          html`<tr>
            <th>${status}</th>
            <td>
              ${description}
              ${content?.["application/json"] ? media(content["application/json"]) : ""}
            </td>
          </tr>`,
      )}
    </table>
  </details>`
}

/** The shape, and beside it an example; of an error what it may say. */
function media({ schema, example }: { schema?: JsonSchema; example?: unknown }): Page {
  if (schema?.$ref?.endsWith("/Error")) {
    return html`<br /><code class="said"
        >${(example as { message?: string } | undefined)?.message}</code
      >`
  }
  return html`${schema ? html`<pre>${linked(shape(schema))}</pre>` : ""}
    <details class="example">
      <summary>Example</summary>
      <pre>${JSON.stringify(example, null, 2)}</pre>
    </details>`
}

function schemaBlock(name: string, schema: JsonSchema): Page {
  return html`<details id="schema-${name}">
    <summary><code>${name}</code></summary>
    <pre>${linked(shape(schema))}</pre>
  </details>`
}

function parameterTable({ parameters = [] }: Operation): Page | "" {
  if (parameters.length === 0) return ""
  return html`<h4>Parameters</h4>
    <table>
      ${parameters.map(
        (parameter) =>
          html`<tr>
            <th><code>${parameter.name}</code></th>
            <td>
              in ${parameter.in}${parameter.required ? ", required" : ""}
              ${parameter.schema ? html`<code>${linked(shape(parameter.schema))}</code>` : ""}
              ${parameter.description ?? ""}
            </td>
          </tr>`,
      )}
    </table>`
}

// Around the names of schemas in a shape; no name holds one.
const mark = "§"

/** The names of schemas, as links to them. */
function linked(text: string): Page[] {
  return text
    .split(mark)
    .map((part, index) =>
      index % 2 === 0 ? html`${part}` : html`<a href="#schema-${part}">${part}</a>`,
    )
}

/** A schema as a short text: `{ name: string, ttl_ms?: integer | null }`. Depth is bounded, since schemas may nest. */
function shape(schema: JsonSchema, depth = 0): string {
  if (schema.$ref !== undefined) return `${mark}${schema.$ref.split("/").at(-1) ?? ""}${mark}`
  const options = schema.anyOf ?? schema.oneOf
  if (options) return options.map((option) => shape(option, depth)).join(" | ")
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ")
  if (schema.type === "array") return `[${schema.items ? shape(schema.items, depth) : "any"}]`
  if (!schema.properties || depth > 4) return plainShape(schema, depth)
  const indent = "  ".repeat(depth + 1)
  const lines = Object.entries(schema.properties).map(
    ([name, property]) =>
      `${indent}${name}${schema.required?.includes(name) ? "" : "?"}: ${shape(property, depth + 1)}`,
  )
  return `{\n${lines.join(",\n")}\n${"  ".repeat(depth)}}`
}

function plainShape({ type, format, additionalProperties }: JsonSchema, depth: number): string {
  const name = [type ?? "any"].flat().join(" | ")
  if (typeof additionalProperties === "object")
    return `{ [name]: ${shape(additionalProperties, depth + 1)} }`
  return format === undefined ? name : `${name} (${format})`
}
