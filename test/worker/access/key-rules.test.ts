// Whether a key is good, and how often its use is recorded: one SQL function each.
import { expect, test } from "vitest"
import { keyMarkMs } from "../../../src/usage/tracker/permit-times.ts"
import { givenKey, givenUser } from "../given-people.ts"
import { afterEpoch, api, epoch, query } from "../harness.ts"

test.each([
  ["an active user", {}, {}, null],
  ["a dormant user", { status: "dormant" }, {}, null],
  ["a suspended user", { status: "suspended" }, {}, "suspended"],
  ["a deleted user", { deleted: true }, {}, "no_user"],
  ["a system user", { is_system: true }, {}, "no_user"],
  ["an active user, which expires now", {}, { expires_at: epoch }, "expired"],
])("a key of %s has the problem that each way in finds", async (_, user, key, problem) => {
  const { id } = await givenUser({ columns: user })
  const token = await givenKey(id, key)
  const [row] = await query(
    `select key_problem(k.expires_at, u.deleted, u.is_system, u.status, $2) as problem,
       watch_as(k.id, $2) as may_watch
     from api_keys k join users u on u.id = k.user_id where k.id = $1`,
    [token.split("-")[0], epoch],
  )
  expect(row).toEqual({ problem, may_watch: problem === null })
  const answer = await api("/api/v2/users/me", { token })
  expect(answer.status).toBe(problem === null ? 200 : 401)
})

test("a use is recorded and a session slides once per interval of the usage shards", async () => {
  const session = {
    login_type: "password",
    expires_at: afterEpoch(86_400_000),
    lifetime_seconds: 86_400,
  }
  const due = async (ms: number) => {
    const [row] = await query(
      `select key_mark_is_due($1, $2) as mark, key_slide_is_due(session, $2) as slide,
         key_slide_is_due(token, $2) as token
       from jsonb_populate_record(null::api_keys, $3) session,
         jsonb_populate_record(session, '{"login_type": "token"}') token`,
      [epoch, afterEpoch(ms), JSON.stringify(session)],
    )
    return row
  }
  expect(await due(keyMarkMs - 1)).toEqual({ mark: false, slide: false, token: false })
  expect(await due(keyMarkMs + 1)).toEqual({ mark: true, slide: true, token: false })
})
