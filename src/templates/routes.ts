// All that is served about templates.
import { createRouter } from "../http/router.ts"
import { fileRoutes } from "./file-routes.ts"
import { templateRoutes } from "./template-routes.ts"
import { versionRoutes } from "./version-routes.ts"

export const templatesRoutes = createRouter()
  .route("/", fileRoutes)
  .route("/", versionRoutes)
  .route("/", templateRoutes)
