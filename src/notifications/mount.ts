// Everything over HTTP about notifications.
import { createRouter } from "../platform/http/router.ts"
import { inboxRoutes } from "./inbox-routes.ts"
import { webhookRoutes } from "./webhook-routes.ts"

export const notificationRoutes = createRouter().route("/", inboxRoutes).route("/", webhookRoutes)
