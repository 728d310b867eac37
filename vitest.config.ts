// Three kinds of test: `unit` for rules without a world, `node` for the programs of dev/ and the command line, `worker` for the
// control plane inside workerd over real PostgreSQL.
import { cloudflareTest } from "@cloudflare/vitest-plugin"
import { defineConfig } from "vitest/config"
import { LongestFirst } from "./test/longest-first.ts"

// Generous, for shared and busy machines: a time-out is there to end a test that hangs, never to measure one.
const timeouts = {
  testTimeout: 90_000,
  hookTimeout: 90_000,
  expect: { poll: { timeout: 20_000 } },
}

// The same for all, or vitest runs one project after the other. More than there may be cores, since some files mostly wait.
const maxWorkers = 5

export default defineConfig({
  test: {
    // A passing test is quiet; a failing one shows what the Worker logged.
    silent: "passed-only",
    globalSetup: ["./test/global-setup.ts"],
    sequence: { sequencer: LongestFirst },
    projects: [
      // Rules keep no state, so that their files need no process each.
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          isolate: false,
          pool: "threads",
          maxWorkers,
          ...timeouts,
        },
      },
      { test: { name: "node", include: ["test/node/**/*.test.ts"], maxWorkers, ...timeouts } },
      {
        plugins: [
          cloudflareTest(({ inject }) => ({
            main: "./dev/local/worker-entry.ts",
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                // Its database does not exist: each test file puts its own in the place of this name (test/worker/setup.ts).
                DATABASE_URL: inject("adminUrl").replace(/[^/]*$/, "none"),
                ACCESS_URL: "https://dormouse.test",
                SETUP_TOKEN: "setup-token-of-the-tests",
                METRICS_TOKEN: "metrics-token-of-the-tests",
                TOKEN_KEYS: `test:${Buffer.alloc(32, 7).toString("base64")}`,
              },
            },
          })),
        ],
        test: {
          name: "worker",
          include: ["test/worker/**/*.test.ts"],
          setupFiles: ["./test/worker/setup.ts"],
          // A workerd that files share is four times faster than one each. A file has a database of its own all the same.
          isolate: false,
          maxWorkers,
          ...timeouts,
        },
      },
    ],
  },
})
