// Provisioners: their keys, the protocol of their daemons, and the lists that people read.
import { createRouter } from "../http/router.ts"
import { daemonRoutes } from "./daemon-routes.ts"
import { jobRoutes } from "./job-routes.ts"
import { keyRoutes } from "./key-routes.ts"
import { listRoutes } from "./list-routes.ts"

export const provisionerRoutes = createRouter()
provisionerRoutes.route("/", keyRoutes)
provisionerRoutes.route("/", daemonRoutes)
provisionerRoutes.route("/", jobRoutes)
provisionerRoutes.route("/", listRoutes)
