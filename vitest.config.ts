// Three kinds of test: `unit`, `node` and `worker`.
//
// `unit` is for pure rules, `node` for the programs and the local system. `worker` is for the
// control plane inside workerd, on real PostgreSQL.
import { cloudflareTest } from "@cloudflare/vitest-plugin"
import { defineConfig } from "vitest/config"
import { CaseReporter } from "./test/case-reporter.ts"
import { LongestFirst } from "./test/longest-first.ts"

// Generous, for shared and busy machines: a time-out ends a test that hangs, and never measures
// one.
const timeouts = {
  testTimeout: 180_000,
  hookTimeout: 180_000,
  expect: { poll: { timeout: 60_000 } },
}

// The same for all projects, or vitest runs one after the other. More than there are cores, since
// some files mostly wait.
const maxWorkers = 5

export default defineConfig({
  test: {
    // A passing test is quiet; a failing one shows what the Worker logged.
    silent: "passed-only",
    globalSetup: ["./test/global-setup.ts"],
    reporters: ["default", new CaseReporter()],
    sequence: { sequencer: LongestFirst },
    projects: [
      // Rules keep no state, so their files do not need a process each.
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          setupFiles: ["./test/cases/setup.ts"],
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
                // This database does not exist: test/worker/setup.ts replaces the name with that of
                // the test file's database.
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
          setupFiles: ["./test/worker/setup.ts", "./test/cases/setup.ts"],
          // Sharing a workerd is four times faster than one per file. Each file still has a
          // database of its own.
          isolate: false,
          maxWorkers,
          ...timeouts,
        },
      },
    ],
  },
})
