// Users, organizations, sessions and tokens over HTTP. Literal paths come before those with a parameter in their place.
import { createRouter } from "../http/router.ts"
import { firstUserRoutes } from "./first-user.ts"
import { organizationRoutes } from "./organization-routes.ts"
import { sessionRoutes } from "./session-routes.ts"
import { userReadRoutes } from "./user-read-routes.ts"

export const identityRoutes = createRouter()
identityRoutes.route("/", firstUserRoutes)
identityRoutes.route("/", sessionRoutes)
identityRoutes.route("/", organizationRoutes)
identityRoutes.route("/", userReadRoutes)
