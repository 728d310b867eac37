// The TypeScript predicate and the SQL filter agree on every question.
import { env } from "cloudflare:workers"
import { sql, type SQL } from "drizzle-orm"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import type { Actor } from "../../../src/access/actors.ts"
import { isAllowed, roleHolderOf, type ProtectedObject } from "../../../src/access/is-allowed.ts"
import { may } from "../../../src/access/may.ts"
import {
  actions,
  organizationRoles,
  resources,
  siteRoles,
} from "../../../src/access/permissions.ts"
import { connect, statement } from "../../../src/platform/db/client.ts"

// Few ids, so that owners, organizations and allow lists match often.
const uuid = (at: number) => `00000000-0000-4000-8000-00000000000${at}`
const anId = fc.integer({ min: 1, max: 3 }).map(uuid)
const anOrganization = fc.integer({ min: 4, max: 6 }).map(uuid)

const aScope = fc.oneof(
  fc.constant("coder:all"),
  fc.constantFrom(
    "coder:workspaces.operate",
    "coder:templates.author",
    "coder:application_connect",
  ),
  fc
    .tuple(fc.constantFrom(...resources), fc.constantFrom("*", ...actions))
    .map((pair) => pair.join(":")),
)
const anEntry = fc.oneof(
  fc.constant("*:*"),
  fc
    .tuple(fc.constantFrom("*", ...resources), fc.oneof(fc.constant("*"), anId))
    .map((pair) => pair.join(":")),
)

const aUser: fc.Arbitrary<Actor> = fc.record({
  kind: fc.constant("user" as const),
  id: anId,
  username: fc.constant("someone"),
  roles: fc.uniqueArray(fc.constantFrom(...Object.keys(siteRoles)), { maxLength: 2 }),
  organizations: fc.dictionary(
    anOrganization,
    fc.uniqueArray(fc.constantFrom(...Object.keys(organizationRoles)), {
      minLength: 1,
      maxLength: 2,
    }),
    { maxKeys: 2 },
  ),
  key_id: fc.constant("abcdefghij"),
  login_type: fc.constant("password"),
  scopes: fc.oneof(fc.constant<string[]>(["coder:all"]), fc.array(aScope, { maxLength: 3 })),
  allow_list: fc.oneof(fc.constant<string[]>(["*:*"]), fc.array(anEntry, { maxLength: 3 })),
})
const anAgent: fc.Arbitrary<Actor> = fc.record({
  kind: fc.constant("agent" as const),
  agent_id: anId,
  workspace_id: anId,
  build_id: anId,
  owner_id: anId,
  organization_id: anOrganization,
  template_id: anId,
})
const aProvisioner: fc.Arbitrary<Actor> = fc.record({
  kind: fc.constant("provisioner" as const),
  key_id: anId,
  key_name: fc.constant("key"),
  organization_id: anOrganization,
  tags: fc.constant({}),
})

const anObject: fc.Arbitrary<ProtectedObject> = fc.record({
  id: fc.option(anId, { nil: undefined }),
  owner: fc.option(fc.option(anId, { nil: null }), { nil: undefined }),
  organization: fc.option(fc.option(anOrganization, { nil: null }), { nil: undefined }),
})

const aCase = fc.record({
  actor: fc.oneof({ arbitrary: aUser, weight: 8 }, anAgent, aProvisioner),
  action: fc.constantFrom(...actions),
  resource: fc.oneof(
    fc.constantFrom(...resources),
    fc.constantFrom("workspace" as const, "template" as const),
  ),
  object: anObject,
})

const casesPerTrip = 200
const trips = 50

test(
  "the SQL filter and the predicate agree on 10,000 generated cases",
  { timeout: 120_000 },
  async () => {
    const db = connect(env.DATABASE_URL)
    let allowedCount = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(aCase, { minLength: casesPerTrip, maxLength: casesPerTrip }),
        async (cases) => {
          const rows = await db.batch(
            cases.map(({ actor, action, resource, object }) =>
              statement<{ allowed: boolean }>(
                "may",
                sql`with who as materialized (select set_config('dormouse.actor',
                  ${JSON.stringify(actor)}, true))
                select (select count(*) from who) > 0
                  and (${may(action, resource, columnsOf(object))}) is true as allowed`,
              ),
            ),
          )
          const expected = cases.map(({ actor, action, resource, object }) =>
            isAllowed(roleHolderOf(actor), action, resource, object),
          )
          allowedCount += expected.filter(Boolean).length
          expect(rows.map(([row]) => row?.allowed)).toEqual(expected)
        },
      ),
      { numRuns: trips, endOnFailure: true },
    )
    // Both answers are common, so the two do not merely agree on "no".
    expect(allowedCount).toBeGreaterThan(500)
  },
)

function columnsOf({ id, owner, organization }: ProtectedObject) {
  return {
    ...(id === undefined ? {} : { id: asUuid(id) }),
    ...(owner === undefined ? {} : { owner: asUuid(owner) }),
    ...(organization === undefined ? {} : { organization: asUuid(organization) }),
  }
}

const asUuid = (id: string | null): SQL => sql`${id}::uuid`
