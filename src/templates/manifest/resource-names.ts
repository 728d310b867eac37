// Names that must be unique within a build's resources: agents, and the apps of an agent.
import { z } from "zod"
import { reportedResources, type ReportedResource } from "./reported.ts"

/** What an engine reports after a build. */
export const distinctResources = reportedResources.superRefine(refuseDuplicateNames)

/** Agent names are unique within a build (ignoring case), app slugs within their agent. */
export function refuseDuplicateNames(resources: readonly ReportedResource[], ctx: z.RefinementCtx) {
  const refuse = (path: (string | number)[], message: string) =>
    ctx.addIssue({ code: "custom", path, message })
  const agentNames = new Set<string>()
  for (const [resourceIndex, resource] of resources.entries()) {
    for (const [agentIndex, agent] of (resource.agents ?? []).entries()) {
      const path = [resourceIndex, "agents", agentIndex]
      const name = agent.name.toLowerCase()
      if (agentNames.has(name)) refuse([...path, "name"], `another agent is named "${agent.name}"`)
      agentNames.add(name)
      const slugs = new Set<string>()
      for (const [appIndex, app] of (agent.apps ?? []).entries()) {
        const place = [...path, "apps", appIndex, "slug"]
        if (slugs.has(app.slug))
          refuse(place, `another app of the agent has the slug "${app.slug}"`)
        slugs.add(app.slug)
      }
    }
  }
}
