// Waiting for a claim (prebuilds-provisioning-agents.md A8): the agent of a prebuild holds this stream and is told once its
// workspace belongs to a person.
import { createRoute, z } from "@hono/zod-openapi"
import { agentUnauthorized, presentedAgentHash } from "../access/agent-token.ts"
import { ApiError, conflict } from "../http/errors.ts"
import { flag } from "../http/flag.ts"
import { createRouter } from "../http/router.ts"
import { errors } from "../http/wire.ts"
import { agentRoute } from "./agent-route.ts"
import { claimEvents } from "./claim-events.ts"
import { judgeReinit, type ReinitFacts } from "./reinit-rule.ts"
import { readReinitFacts } from "./reinit-statement.ts"
import { hubOf } from "./tell.ts"

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
    const first = requireFacts(await read())
    refuseWhereFinal(first, isWaiting)
    // The hints are subscribed to before what they would tell of is looked at: nothing falls between the two.
    const answer = await hubOf(c.env, first.workspace_id).fetch(`https://hub/reinit/${first.agent_id}`, {
      headers: { Upgrade: "websocket" },
    })
    const hints = answer.webSocket
    if (hints === null) throw new ApiError(503, "Too many agents wait. Please try again in a moment.")
    hints.accept()
    try {
      const facts = requireFacts(await read())
      const verdict = refuseWhereFinal(facts, isWaiting)
      return claimEvents(c, { facts, isTold: verdict === "tell", hints, read })
    } catch (error) {
      hints.close(1000)
      throw error
    }
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
