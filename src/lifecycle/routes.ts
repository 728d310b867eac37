// The lifecycle over HTTP: what will happen to a workspace, when and why.
import { createRoute, z } from "@hono/zod-openapi"
import { carryParameters } from "../builds/create/carry-parameters.ts"
import { notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, uuidSchema } from "../platform/http/wire.ts"
import { explainWorkspace } from "./explain/statement.ts"
import { explanationSchema, toExplanation } from "./explain/view.ts"
import { judgeRules, nextTransition } from "./explain/explain.ts"

const explainRoute = createRoute({
  method: "get",
  path: "/workspaces/{workspace}/lifecycle",
  tags: ["Workspaces"],
  summary: "Explain what will happen to a workspace",
  description:
    "Returns each rule of the lifecycle with its inputs, its verdict, what blocks it and when it is due. Also returns the next transition and the last ones.",
  request: { params: z.object({ workspace: uuidSchema }) },
  responses: {
    200: jsonBody(explanationSchema, "The explanation, from the rules that the tick runs."),
    ...errors(400, 401, 404, 429, 503),
  },
})

export const lifecycleRoutes = createRouter().openapi(explainRoute, async (c) => {
  const now = c.get("now")
  const [row] = await c.get("caller").query(explainWorkspace(c.req.valid("param").workspace, now))
  if (row === undefined) throw notFound()
  const [carried = null] = row.carry === null ? [] : await carryParameters(c.get("db"), [row.carry])
  const verdicts = judgeRules(row, carried, now)
  return c.json(toExplanation(row, verdicts, nextTransition(verdicts, row.check_at, now), now), 200)
})
