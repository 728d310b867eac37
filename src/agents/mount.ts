// All routes of agents: their own side, behind their token, and the side of people.
import { openAgent } from "../access/agent-token.ts"
import { createRouter } from "../platform/http/router.ts"
import { appReportRoutes } from "./reports/app-routes.ts"
import { connectRoutes } from "./hub/connect-routes.ts"
import { externalAgentRoutes } from "./external/routes.ts"
import { forwardRoutes } from "./forward/routes.ts"
import { agentLogRoutes } from "./reports/log-routes.ts"
import { ownerRoutes } from "./owner/routes.ts"
import { reinitRoutes } from "./reinit/routes.ts"
import { reportRoutes } from "./reports/routes.ts"
import { subAgentRoutes } from "./sub-agents/routes.ts"
import { peopleRoutes } from "./people/routes.ts"

export const agentRoutes = createRouter()

agentRoutes.use("/workspaceagents/me/*", async (c, next) => {
  c.set("agent", await openAgent(c, c.get("db")))
  return next()
})
for (const routes of [
  reportRoutes,
  appReportRoutes,
  agentLogRoutes,
  ownerRoutes,
  subAgentRoutes,
  connectRoutes,
  reinitRoutes,
  forwardRoutes,
  peopleRoutes,
  externalAgentRoutes,
])
  agentRoutes.route("/", routes)
