// All routes of workspaces, for the app to mount.
import { createRouter } from "../http/router.ts"
import { workspaceCreateRoutes } from "./create-routes.ts"
import { workspaceReadRoutes } from "./read-routes.ts"

export const workspaceRoutes = createRouter()
  .route("/", workspaceReadRoutes)
  .route("/", workspaceCreateRoutes)
