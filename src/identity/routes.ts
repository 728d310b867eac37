// Users, organizations, sessions and tokens over HTTP. Literal paths come before those with a parameter in their place.
import { authCheckRoutes } from "./authcheck-routes.ts"
import { createRouter } from "../http/router.ts"
import { firstUserRoutes } from "./first-user.ts"
import { keyRoutes } from "./key-routes.ts"
import { memberRoutes } from "./member-routes.ts"
import { organizationRoutes } from "./organization-routes.ts"
import { sessionRoutes } from "./session-routes.ts"
import { userChangeRoutes } from "./user-change-routes.ts"
import { userCreateRoutes } from "./user-create-routes.ts"
import { userReadRoutes } from "./user-read-routes.ts"
import { userSettingRoutes } from "./user-setting-routes.ts"

export const identityRoutes = createRouter()
for (const routes of [
  authCheckRoutes,
  firstUserRoutes,
  sessionRoutes,
  keyRoutes,
  organizationRoutes,
  memberRoutes,
  userCreateRoutes,
  userReadRoutes,
  userChangeRoutes,
  userSettingRoutes,
]) {
  identityRoutes.route("/", routes)
}
