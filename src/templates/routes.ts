// All that is served about templates.
import { createRouter } from "../http/router.ts"
import { dryRunRoutes } from "./dry-run-routes.ts"
import { fileRoutes } from "./file-routes.ts"
import { templateChangeRoutes } from "./template-change-routes.ts"
import { templateRoutes } from "./template-routes.ts"
import { versionChangeRoutes } from "./version-change-routes.ts"
import { versionDetailRoutes } from "./version-detail-routes.ts"
import { versionRoutes } from "./version-routes.ts"

export const templatesRoutes = createRouter()
  .route("/", fileRoutes)
  .route("/", versionRoutes)
  .route("/", versionDetailRoutes)
  .route("/", versionChangeRoutes)
  .route("/", dryRunRoutes)
  .route("/", templateRoutes)
  .route("/", templateChangeRoutes)
