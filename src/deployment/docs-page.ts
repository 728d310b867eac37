// The page at /docs: a kept viewer over the OpenAPI document. The viewer is a static asset.
import type { Handler } from "hono"
import { html } from "hono/html"
import type { AppEnv } from "../platform/http/env.ts"
import { contentPolicy } from "./content-policy.ts"

// The viewer draws its icons from `data:` addresses in its style sheet.
const policy = contentPolicy({ image: "'self' data:" })

export const docsPage: Handler<AppEnv> = (c) => {
  c.header("Content-Security-Policy", policy)
  return c.html(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>Dormouse API</title>
          <link rel="icon" href="/overview/icon.svg" />
          <link rel="stylesheet" href="/docs/swagger-ui.css" />
          <script defer src="/docs/swagger-ui-bundle.js"></script>
          <script defer src="/docs/reference.js"></script>
        </head>
        <body>
          <noscript>The viewer needs JavaScript. <a href="/openapi.json">openapi.json</a></noscript>
          <main id="reference"></main>
        </body>
      </html>`,
  )
}
