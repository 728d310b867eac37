// Where drizzle-kit finds the schema and writes migrations. It never connects: migrations are applied by `npm run migrate`.
import { defineConfig } from "drizzle-kit"

export default defineConfig({
  dialect: "postgresql",
  schema: "./src/platform/db/schema/*.ts",
  out: "./migrations",
})
