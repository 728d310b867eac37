// The reference page at /docs: the OpenAPI document as plain HTML, one section a tag. Made on the server, so that it loads
// nothing from elsewhere and prints.
import { html, raw } from "hono/html"
import type { OpenAPIHono } from "@hono/zod-openapi"

const methods = ["get", "post", "put", "patch", "delete"] as const

type Document = ReturnType<OpenAPIHono["getOpenAPI31Document"]>
type Operation = NonNullable<NonNullable<Document["paths"]>[string]["get"]>
type AnySchema = NonNullable<NonNullable<Document["components"]>["schemas"]>[string]
type Response = { description?: string; content?: Record<string, { schema?: AnySchema }> }

type Entry = { method: string; path: string; operation: Operation }
type Page = ReturnType<typeof html>

export function docsPage(document: Document): Page {
  const entries = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    methods.flatMap((method): Entry[] => (item[method] ? [{ method, path, operation: item[method] }] : [])),
  )
  const tags = [...new Set(entries.map(({ operation }) => operation.tags?.[0] ?? "Other"))].sort()
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${document.info.title} API</title>
        <style>
          ${raw(style)}
        </style>
      </head>
      <body>
        <nav>
          <h1>${document.info.title}</h1>
          <p>${document.info.description} Version ${document.info.version}.</p>
          <p><a href="/openapi.json">openapi.json</a></p>
          <ul>
            ${tags.map((tag) => html`<li><a href="#${anchor(tag)}">${tag}</a></li>`)}
          </ul>
        </nav>
        <main>
          ${tags.map(
            (tag) =>
              html`<section id="${anchor(tag)}">
                <h2>${tag}</h2>
                ${entries.filter(({ operation }) => (operation.tags?.[0] ?? "Other") === tag).map(operationBlock)}
              </section>`,
          )}
        </main>
      </body>
    </html>`
}

const anchor = (tag: string) => tag.toLowerCase().replace(/[^a-z0-9]+/g, "-")

function operationBlock({ method, path, operation }: Entry): Page {
  const body = operation.requestBody
  const schema = body && "content" in body ? body.content["application/json"]?.schema : undefined
  return html`<details>
    <summary>
      <b class="${method}">${method.toUpperCase()}</b> <code>${path}</code> ${operation.summary ?? ""}
    </summary>
    ${operation.description ? html`<p>${operation.description}</p>` : ""} ${parameterTable(operation)}
    ${
      schema
        ? html`<h4>Body</h4>
            <pre>${shape(schema)}</pre>`
        : ""
    }
    <h4>Answers</h4>
    <table>
      ${Object.entries(operation.responses ?? {}).map(
        ([status, response]: [string, Response]) =>
          html`<tr>
            <th>${status}</th>
            <td>
              ${response.description ?? ""}
              ${
                Number(status) < 400 && response.content?.["application/json"]?.schema
                  ? html`<pre>${shape(response.content["application/json"].schema)}</pre>`
                  : ""
              }
            </td>
          </tr>`,
      )}
    </table>
  </details>`
}

function parameterTable(operation: Operation): Page | "" {
  const parameters = (operation.parameters ?? []).filter((parameter) => "name" in parameter)
  if (parameters.length === 0) return ""
  return html`<h4>Parameters</h4>
    <table>
      ${parameters.map(
        (parameter) =>
          html`<tr>
            <th><code>${parameter.name}</code></th>
            <td>
              in ${parameter.in}${parameter.required ? ", required" : ""}
              ${parameter.schema ? html`<code>${shape(parameter.schema)}</code>` : ""}
              ${parameter.description ?? ""}
            </td>
          </tr>`,
      )}
    </table>`
}

/** A schema as a short text: `{ name: string, ttl_ms?: integer | null }`. Depth is bounded, since schemas may nest. */
function shape(schema: AnySchema, depth = 0): string {
  if ("$ref" in schema) return schema.$ref.split("/").at(-1) ?? ""
  const options = schema.anyOf ?? schema.oneOf
  if (options) return options.map((option) => shape(option, depth)).join(" | ")
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ")
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : (schema.type ?? "any")
  if (schema.type === "array") return `[${schema.items ? shape(schema.items, depth) : "any"}]`
  if (!schema.properties || depth > 4) return type
  const indent = "  ".repeat(depth + 1)
  const lines = Object.entries(schema.properties).map(
    ([name, property]) =>
      `${indent}${name}${schema.required?.includes(name) ? "" : "?"}: ${shape(property, depth + 1)}`,
  )
  return `{\n${lines.join(",\n")}\n${"  ".repeat(depth)}}`
}

const style = `
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  body { margin: 0; display: grid; grid-template-columns: 15rem 1fr; }
  nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; box-sizing: border-box; border-right: 1px solid #8884; }
  nav ul { padding: 0; list-style: none; }
  main { padding: 1rem 2rem 4rem; min-width: 0; }
  summary { cursor: pointer; padding: .25rem 0; }
  details { border-bottom: 1px solid #8883; }
  pre { background: #8881; padding: .75rem; overflow: auto; font-size: 13px; }
  table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
  b { display: inline-block; min-width: 4.2rem; font-size: 12px; }
  .get { color: #2a7; } .post { color: #27c; } .put, .patch { color: #b70; } .delete { color: #c33; }
  @media (max-width: 45rem) { body { display: block; } nav { position: static; height: auto; } }
`
