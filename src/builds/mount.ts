// Builds: asking for them, canceling them, reading them.
import { createRouter } from "../platform/http/router.ts"
import { buildCreateRoutes } from "./create/routes.ts"
import { buildReadRoutes } from "./read-routes.ts"

export const buildRoutes = createRouter()
buildRoutes.route("/", buildCreateRoutes)
buildRoutes.route("/", buildReadRoutes)
