// Waiting for a claim (prebuilds-provisioning-agents.md A8): the agent of a prebuild holds this stream and is told once its
// workspace belongs to a person.
import { createRoute, z } from "@hono/zod-openapi"
import { agentUnauthorized, presentedAgentHash } from "../../access/agent-token.ts"
import { ApiError, conflict } from "../../platform/http/errors.ts"
import { flag } from "../../platform/http/flag.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors } from "../../platform/http/wire.ts"
import { agentRoute } from "../route.ts"
import { claimEvents } from "./claim-events.ts"
import { judgeReinit, type ReinitFacts } from "./rule.ts"
import { readReinitFacts } from "./statement.ts"
import { joinHub } from "../hub/calls.ts"

export const reinitRoutes = createRouter()

reinitRoutes.openapi(
  createRoute({
    ...agentRoute("get", "/reinit", "Wait until the agent's prebuild is claimed"),
    description:
      "Server-sent events: one `data` of `{workspace_id, reason: prebuild_claimed, owner_id}` when the claim's build has ended well, and a `ping` each 15 seconds. A 409 is final.",
    request: {
      query: z.object({
        wait: flag(
          "wait",
          "The agent wants to know of a claim that has been, and asks no more where none can come.",
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
    const verdict = refuseWhereFinal(facts, isWaiting)
    // A claim that ends between the read and the subscription is not lost: a hub that was told of a build at or after the
    // instant of this request, which is before the read, says so at once, and the stream looks again.
    const began = c.get("now").getTime()
    const { webSocket: hints } = await joinHub(
      c.env,
      facts.workspace_id,
      `reinit/${facts.agent_id}?began=${began}`,
    )
    if (hints === null)
      throw new ApiError(503, "The hub did not answer. Please try again in a moment.")
    hints.accept()
    return claimEvents(c, { facts, isTold: verdict === "tell", hints, read })
  },
)

function requireFacts(facts: ReinitFacts | undefined): ReinitFacts {
  if (facts?.may_hold !== true) throw agentUnauthorized()
  return facts
}

function refuseWhereFinal(facts: ReinitFacts, isWaiting: boolean): "hold" | "tell" {
  const verdict = judgeReinit(facts, isWaiting)
  if (verdict.kind === "refuse") throw conflict(verdict.why)
  return verdict.kind
}
