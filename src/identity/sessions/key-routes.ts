// Sessions and tokens over HTTP.
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import { canonicalAllowListEntry, canonicalScope } from "../../access/scopes.ts"
import { auditRequest } from "../../audit/request.ts"
import { isUniqueViolation } from "../../platform/db/errors.ts"
import type { AppEnv } from "../../platform/http/env.ts"
import { badRequest, conflict, forbidden, notFound } from "../../platform/http/errors.ts"
import { flag } from "../../platform/http/flag.ts"
import { randomName } from "../../platform/random-name.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest } from "../../platform/http/wire.ts"
import {
  createApiKey,
  deleteApiKey,
  expireKey,
  keyById,
  keyOwner,
  keysMax,
  listTokens,
  ownerTokenSecondsMax,
  tokenByName,
  type NewApiKey,
} from "./key-statements.ts"
import { keySchema, keyWithOwnerSchema, toKeyView, toKeyWithOwnerView } from "./key-view.ts"
import { mintKey } from "./mint-key.ts"
import { userParam } from "../users/read-routes.ts"

const tags = ["Tokens"]
const day = 24 * 60 * 60
const nanoseconds = 1_000_000_000
const lifetimeDefault = 7 * day
const lifetimeMax = 100 * 365 * day

const keyParam = userParam.extend({ keyid: z.string().max(64) })
const generatedKey = jsonBody(
  z.object({ key: z.string() }).openapi("GenerateAPIKeyResponse"),
  "The token.",
)

const createSessionRoute = createRoute({
  method: "post",
  path: "/users/{user}/keys",
  tags,
  summary: "Create a session for a program",
  request: { params: userParam },
  responses: { 201: generatedKey, ...errors(401, 403, 404, 409, 429, 503) },
})

const createTokenRoute = createRoute({
  method: "post",
  path: "/users/{user}/keys/tokens",
  tags,
  summary: "Create a named token",
  request: {
    params: userParam,
    body: jsonRequest(
      z
        .object({
          lifetime: z.number().nullish().openapi({ description: "Nanoseconds; 0 for a week." }),
          token_name: z
            .string()
            .max(64)
            .refine((name) => name !== "tokenconfig", { error: "is reserved" })
            .nullish(),
          scope: z.string().max(128).nullish(),
          scopes: z.array(z.string().max(128)).max(128).nullish(),
          allow_list: z
            .array(
              z.union([
                z.string().max(128),
                z.object({ type: z.string().max(64), id: z.string().max(64) }),
              ]),
            )
            .max(128)
            .nullish(),
        })
        .openapi("CreateTokenRequest"),
    ),
  },
  responses: { 201: generatedKey, ...errors(400, 401, 403, 404, 409, 429, 503) },
})

const listTokensRoute = createRoute({
  method: "get",
  path: "/users/{user}/keys/tokens",
  tags,
  summary: "List tokens",
  request: {
    params: userParam,
    query: z.object({ include_all: flag("include_all"), include_expired: flag("include_expired") }),
  },
  responses: {
    200: jsonBody(z.array(keyWithOwnerSchema), "The tokens, oldest first."),
    ...errors(400, 401, 404, 429, 503),
  },
})

const tokenConfigRoute = createRoute({
  method: "get",
  path: "/users/{user}/keys/tokens/tokenconfig",
  tags,
  summary: "Read how long a token can live",
  request: { params: userParam },
  responses: {
    200: jsonBody(
      z.object({ max_token_lifetime: z.number() }).openapi("TokenConfig"),
      "Nanoseconds.",
    ),
    ...errors(401, 404, 429, 503),
  },
})

const tokenByNameRoute = createRoute({
  method: "get",
  path: "/users/{user}/keys/tokens/{keyname}",
  tags,
  summary: "Read a token by its name",
  request: { params: userParam.extend({ keyname: z.string().max(64) }) },
  responses: { 200: jsonBody(keySchema, "The token."), ...errors(401, 404, 429, 503) },
})

const readRoute = createRoute({
  method: "get",
  path: "/users/{user}/keys/{keyid}",
  tags,
  summary: "Read a key",
  request: { params: keyParam },
  responses: { 200: jsonBody(keySchema, "The key."), ...errors(401, 404, 429, 503) },
})

const deleteRoute = createRoute({
  method: "delete",
  path: "/users/{user}/keys/{keyid}",
  tags,
  summary: "Delete a key",
  request: { params: keyParam },
  responses: { 204: { description: "The key is gone." }, ...errors(401, 404, 429, 503) },
})

const expireRoute = createRoute({
  method: "put",
  path: "/users/{user}/keys/{keyid}/expire",
  tags,
  summary: "End a key now",
  request: { params: keyParam },
  responses: { 204: { description: "The key has ended." }, ...errors(401, 404, 429, 503) },
})

type KeyWish = Pick<NewApiKey, "loginType" | "name" | "lifetimeSeconds" | "scopes" | "allowList">

/** Creates the key and returns its token, or throws the reason for the refusal. */
async function makeKey(
  c: Context<AppEnv>,
  user: string,
  wish: KeyWish,
  attempts = 3,
): Promise<string> {
  const minted = await mintKey()
  const name = wish.loginType === "token" && wish.name === "" ? randomName() : wish.name
  const key: NewApiKey = {
    ...wish,
    ...minted,
    name,
    lifetimeSecondsMax: lifetimeMax,
    lifetimeSecondsMaxOfOwners: ownerTokenSecondsMax,
  }
  try {
    const [[owner], made] = await c
      .get("caller")
      .batch([keyOwner(user, c.get("now")), createApiKey(user, key, auditRequest(c))])
    if (owner === undefined || !(owner.can_read || owner.can_create)) throw notFound()
    if (made.length > 0) return key.token
    if (!owner.can_create) throw forbidden()
    if (wish.lifetimeSeconds > (owner.is_owner ? ownerTokenSecondsMax : lifetimeMax))
      throw badLifetime()
    if (owner.is_full) {
      throw conflict(`There are already ${keysMax} sessions and tokens, the maximum. Delete some.`)
    }
    throw forbidden("A token cannot create one that may do more than itself.")
  } catch (error) {
    if (!isUniqueViolation(error, "api_keys_token_name")) throw error
    // A generated name is generated again.
    if (wish.name === "" && attempts > 1) return makeKey(c, user, wish, attempts - 1)
    throw conflict(`A token with name ${JSON.stringify(name)} already exists.`, {
      validations: [
        { field: "name", detail: "This value is already in use and should be unique." },
      ],
    })
  }
}

const badLifetime = () =>
  badRequest("Failed to validate create API key request.", {
    detail:
      `The lifetime must be positive and no longer than ${ownerTokenSecondsMax / day} days ` +
      `for an owner, ${lifetimeMax / day} for others.`,
  })

/** Each text in its canonical form. Throws a 400 that names the first invalid one. */
function canonical(texts: string[], read: (text: string) => string | null, what: string): string[] {
  return texts.map((text) => {
    const known = read(text)
    if (known !== null) return known
    throw badRequest("Failed to create API key.", {
      detail: `invalid ${what} ${JSON.stringify(text)}`,
    })
  })
}

const one = <Row>(rows: Row[]): Row => {
  const [row] = rows
  if (row === undefined) throw notFound()
  return row
}

export const apiKeyRoutes = createRouter()
  .openapi(createSessionRoute, async (c) => {
    const wish = {
      name: "",
      lifetimeSeconds: lifetimeDefault,
      scopes: ["coder:all"],
      allowList: ["*:*"],
    }
    const key = await makeKey(c, c.req.valid("param").user, { ...wish, loginType: "password" })
    return c.json({ key }, 201)
  })
  .openapi(createTokenRoute, async (c) => {
    const body = c.req.valid("json")
    const scopes = body.scopes ?? (body.scope ? [body.scope] : [])
    const entries = (body.allow_list ?? []).map((entry) =>
      typeof entry === "string" ? entry : `${entry.type}:${entry.id}`,
    )
    const lifetime = body.lifetime ?? 0
    const isTooLong = lifetime > lifetimeMax * nanoseconds
    if (lifetime < 0 || (lifetime > 0 && lifetime < nanoseconds) || isTooLong) throw badLifetime()
    const key = await makeKey(c, c.req.valid("param").user, {
      loginType: "token",
      name: body.token_name ?? "",
      lifetimeSeconds: lifetime === 0 ? lifetimeDefault : Math.floor(lifetime / nanoseconds),
      scopes: scopes.length === 0 ? ["coder:all"] : canonical(scopes, canonicalScope, "scope"),
      allowList:
        entries.length === 0
          ? ["*:*"]
          : canonical(entries, canonicalAllowListEntry, "allow list entry"),
    })
    return c.json({ key }, 201)
  })
  .openapi(listTokensRoute, async (c) => {
    const { include_all, include_expired } = c.req.valid("query")
    const { user } = c.req.valid("param")
    const options = { isAll: include_all, isExpiredIncluded: include_expired }
    const [owners, rows] = await c
      .get("caller")
      .batch([keyOwner(user, c.get("now")), listTokens(user, options, c.get("now"))])
    if (!one(owners).can_read) throw notFound()
    return c.json(rows.map(toKeyWithOwnerView), 200)
  })
  .openapi(tokenConfigRoute, async (c) => {
    const owner = one(
      await c.get("caller").query(keyOwner(c.req.valid("param").user, c.get("now"))),
    )
    if (!owner.can_read) throw notFound()
    return c.json(
      { max_token_lifetime: (owner.is_owner ? ownerTokenSecondsMax : lifetimeMax) * nanoseconds },
      200,
    )
  })
  .openapi(tokenByNameRoute, async (c) => {
    const { user, keyname } = c.req.valid("param")
    return c.json(toKeyView(one(await c.get("caller").query(tokenByName(user, keyname)))), 200)
  })
  .openapi(readRoute, async (c) => {
    const { user, keyid } = c.req.valid("param")
    return c.json(toKeyView(one(await c.get("caller").query(keyById(user, keyid)))), 200)
  })
  .openapi(deleteRoute, async (c) => {
    const { user, keyid } = c.req.valid("param")
    one(await c.get("caller").query(deleteApiKey(user, keyid, auditRequest(c))))
    return c.body(null, 204)
  })
  .openapi(expireRoute, async (c) => {
    const { user, keyid } = c.req.valid("param")
    one(await c.get("caller").query(expireKey(user, keyid, auditRequest(c))))
    return c.body(null, 204)
  })
