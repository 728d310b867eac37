// Users, organizations, sessions and tokens over HTTP. Literal paths come before those with a parameter in their place.
import { authCheckRoutes } from "./authcheck-routes.ts"
import { createRouter } from "../platform/http/router.ts"
import { firstUserRoutes } from "./first-user.ts"
import { keyRoutes } from "./sessions/key-routes.ts"
import { memberRoutes } from "./organizations/member-routes.ts"
import { organizationRoutes } from "./organizations/routes.ts"
import { sessionRoutes } from "./sessions/routes.ts"
import { userChangeRoutes } from "./users/change-routes.ts"
import { userCreateRoutes } from "./users/create-routes.ts"
import { userReadRoutes } from "./users/read-routes.ts"
import { userSettingRoutes } from "./users/setting-routes.ts"

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
