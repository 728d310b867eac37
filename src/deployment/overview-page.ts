// The page at /: a person's workspaces, with what will happen to each next and why.
//
// It is a client of the API like any other. Its script and its style are static assets, so that its
// content policy allows nothing inline.
import type { Handler } from "hono"
import { html } from "hono/html"
import type { AppEnv } from "../platform/http/env.ts"
import { contentPolicy } from "./content-policy.ts"

export const overviewPage: Handler<AppEnv> = (c) => {
  c.header("Content-Security-Policy", contentPolicy({}))
  return c.html(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>Dormouse</title>
          <link rel="icon" href="/overview/icon.svg" />
          <link rel="stylesheet" href="/overview/overview.css" />
          <script type="module" src="/overview/overview.js"></script>
        </head>
        <body>
          <header>
            <h1><img src="/overview/icon.svg" alt="" width="28" height="28" /> Dormouse</h1>
            <nav>
              <a href="/docs">API</a> <button id="sign-out" class="quiet" hidden>Sign out</button>
            </nav>
          </header>
          <noscript
            >This page needs JavaScript. The API does not: <a href="/docs">/docs</a>.</noscript
          >
          <form id="sign-in" hidden>
            <p>Sign in to see your workspaces.</p>
            <label
              >E-mail <input name="email" type="email" autocomplete="username" required
            /></label>
            <label
              >Password
              <input name="password" type="password" autocomplete="current-password" required
            /></label>
            <button>Sign in</button>
          </form>
          <main id="fleet" hidden>
            <p id="summary" aria-live="polite"></p>
            <div id="workspaces"></div>
            <form id="create">
              <select name="template" aria-label="Template" required></select>
              <input name="name" aria-label="Name" placeholder="name" maxlength="32" required />
              <button>Create a workspace</button>
            </form>
          </main>
          <p id="problem" role="alert"></p>
        </body>
      </html>`,
  )
}
