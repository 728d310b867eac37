// `npm run replay`: not among the projects of `npm test`, since it needs a system that runs.
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    name: "outside",
    dir: import.meta.dirname,
    testTimeout: 120_000,
    hookTimeout: 30_000,
  },
})
