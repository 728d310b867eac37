// Waiting for a claim: the agent of a prebuild holds this stream until a person owns its workspace.
import { createRoute, z } from "@hono/zod-openapi"
import { agentUnauthorized, presentedAgentHash } from "../../access/agent-token.ts"
import { ApiError, conflict } from "../../platform/http/errors.ts"
import { flag } from "../../platform/http/flag.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors } from "../../platform/http/wire.ts"
import { agentRoute } from "../own-side.ts"
import { claimEvents } from "./claim-events.ts"
import { decideReinit, type ReinitFacts } from "./rule.ts"
import { readReinitFacts } from "./statement.ts"
import { joinHub } from "../hub/calls.ts"

export const reinitRoutes = createRouter()

reinitRoutes.openapi(
  createRoute({
    ...agentRoute("get", "/reinit", "Wait until the agent's prebuild is claimed"),
    description: [
      "Server-sent events: one `data` of `{workspace_id, reason: prebuild_claimed, owner_id}` when",
      "the claim's build has succeeded, and a `ping` each 15 seconds. A 409 is final.",
    ].join(" "),
    request: {
      query: z.object({
        wait: flag(
          "wait",
          "Also report a claim that has already happened, and refuse for good if none can come.",
        ),
      }),
    },
    responses: {
      200: { description: "The events.", content: { "text/event-stream": { schema: z.string() } } },
      ...errors(400, 401, 409, 503),
    },
  }),
  async (c) => {
    const { wait: isWaiting } = c.req.valid("query")
    const hash = await presentedAgentHash(c)
    if (hash instanceof ApiError) throw hash
    const read = async () => (await c.get("db").all(readReinitFacts(hash)))[0]
    const facts = requireFacts(await read())
    const outcome = refuseIfFinal(facts, isWaiting)
    // A claim that ends between the read and the subscription is not lost. If a build changed at or
    // after this request's instant, the hub says so at once and the stream reads again.
    const began = c.get("now").getTime()
    const { webSocket: hints } = await joinHub(
      c.env,
      facts.workspace_id,
      `reinit/${facts.agent_id}?began=${began}`,
    )
    if (hints === null)
      throw new ApiError(503, "The hub did not answer. Please try again in a moment.")
    hints.accept()
    return claimEvents(c, { facts, isClaimPast: outcome === "notify", hints, read })
  },
)

function requireFacts(facts: ReinitFacts | undefined): ReinitFacts {
  if (facts?.may_hold !== true) throw agentUnauthorized()
  return facts
}

function refuseIfFinal(facts: ReinitFacts, isWaiting: boolean): "hold" | "notify" {
  const outcome = decideReinit(facts, isWaiting)
  if (outcome.kind === "refuse") throw conflict(outcome.why)
  return outcome.kind
}
