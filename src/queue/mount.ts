// Provisioners: their keys, the protocol of their daemons, and the lists that people read.
import { createRouter } from "../platform/http/router.ts"
import { daemonRoutes } from "./daemons/routes.ts"
import { jobRoutes } from "./jobs/routes.ts"
import { keyRoutes } from "./daemons/key-routes.ts"
import { listRoutes } from "./lists/routes.ts"

export const provisionerRoutes = createRouter()
provisionerRoutes.route("/", keyRoutes)
provisionerRoutes.route("/", daemonRoutes)
provisionerRoutes.route("/", jobRoutes)
provisionerRoutes.route("/", listRoutes)
