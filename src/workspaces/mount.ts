// All routes of workspaces, for the app to mount.
import { createRouter } from "../platform/http/router.ts"
import { workspaceCreateRoutes } from "./create/routes.ts"
import { workspaceFleetRoutes } from "./fleet-routes.ts"
import { inboxWatchRoutes } from "../feed/inbox-routes.ts"
import { workspaceReadRoutes } from "./read-routes.ts"
import { workspaceScheduleRoutes } from "./schedule/routes.ts"
import { workspaceSettingsRoutes } from "./settings/routes.ts"
import { workspaceWatchRoutes } from "../feed/workspace-routes.ts"

export const workspaceRoutes = createRouter()
  .route("/", workspaceReadRoutes)
  .route("/", workspaceCreateRoutes)
  .route("/", workspaceScheduleRoutes)
  .route("/", workspaceSettingsRoutes)
  .route("/", workspaceFleetRoutes)
  .route("/", workspaceWatchRoutes)
  .route("/", inboxWatchRoutes)
