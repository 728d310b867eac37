// All that is served about templates.
import { createRouter } from "../platform/http/router.ts"
import { dryRunRoutes } from "./dry-run/routes.ts"
import { fileRoutes } from "./files/routes.ts"
import { templateChangeRoutes } from "./change-routes.ts"
import { templateRoutes } from "./routes.ts"
import { versionChangeRoutes } from "./versions/change-routes.ts"
import { versionDetailRoutes } from "./versions/detail-routes.ts"
import { versionRoutes } from "./versions/routes.ts"

export const templatesRoutes = createRouter()
  .route("/", fileRoutes)
  .route("/", versionRoutes)
  .route("/", versionDetailRoutes)
  .route("/", versionChangeRoutes)
  .route("/", dryRunRoutes)
  .route("/", templateRoutes)
  .route("/", templateChangeRoutes)
