// The git key of a person: random, encrypted, bound to its row, renewable.
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { ensureGitKey, readGitKey } from "../../../src/access/git-key.ts"
import { connect, type Statement } from "../../../src/platform/db/client.ts"
import { decryptToken, encryptToken } from "../../../src/access/token-cipher.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { api, epoch, query } from "../harness.ts"

const path = "/api/v2/users/me/gitsshkey"

async function given() {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const agent = await givenAgent(workspace, workspace.build)
  const ofAgent = async () => {
    const { body } = await api("/api/v2/workspaceagents/me/gitsshkey", { token: agent.token })
    return body as { public_key: string; private_key: string }
  }
  return { ...user, ofAgent }
}

describe("a git key", () => {
  test("is the same for its user and their agents, and another after it is renewed", async () => {
    const user = await given()
    const first = await api(path, { token: user.token })
    expect(first.status).toBe(200)
    expect(first.body.public_key).toMatch(/^ssh-ed25519 AAAA[A-Za-z0-9+/=]+\n$/)
    expect(Object.keys(first.body).toSorted()).toEqual([
      "created_at",
      "public_key",
      "updated_at",
      "user_id",
    ])
    const before = await user.ofAgent()
    expect(before.public_key).toBe(first.body.public_key)
    const renewed = await api(path, { method: "PUT", token: user.token })
    expect(renewed.status).toBe(200)
    expect(renewed.body.public_key).not.toBe(first.body.public_key)
    const after = await user.ofAgent()
    expect(after.public_key).toBe(renewed.body.public_key)
    expect(after.private_key).not.toBe(before.private_key)
  })

  test("of two first reads at once is one key", async () => {
    const user = await given()
    const [first, second] = await Promise.all([api(path, { token: user.token }), user.ofAgent()])
    expect(second.public_key).toBe(first.body.public_key)
  })

  test("is stored encrypted, and its renewal is audited without it", async () => {
    const user = await given()
    const { private_key } = await user.ofAgent()
    await api(path, { method: "PUT", token: user.token })
    const [row] = await query("select * from user_git_keys where user_id = $1", [user.id])
    expect(row.encrypted_seed).toMatch(/^[\w-]+:/)
    expect(private_key).not.toContain(row.encrypted_seed)
    const trail = await query(
      "select diff from audit_logs where resource_type = 'git_ssh_key' and resource_id = $1",
      [user.id],
    )
    expect(trail).toHaveLength(1)
    expect(JSON.stringify(trail)).not.toContain(row.encrypted_seed)
  })

  test("is encrypted again under the first key of a rotation, and stays the same", async () => {
    const user = await givenUser()
    const db = connect(env.DATABASE_URL)
    const runner = { query: <Row>(one: Statement<Row>) => db.all(one) }
    const keyOf = (id: string) => `${id}:${Buffer.alloc(32, id).toString("base64")}`
    const ensure = async (tokenKeys: string) => {
      const [found] = await db.all(readGitKey(user.id))
      return ensureGitKey(runner, tokenKeys, user.id, found, epoch)
    }
    const first = await ensure(keyOf("k1"))
    const second = await ensure(`${keyOf("k2")},${keyOf("k1")}`)
    expect(second.row.encrypted_seed).toMatch(/^k2:/)
    expect((await ensure(keyOf("k2"))).pair).toEqual(first.pair)
  })

  test("that no key of the environment opens is replaced", async () => {
    const user = await given()
    const first = await user.ofAgent()
    await query("update user_git_keys set encrypted_seed = 'gone:AAAA' where user_id = $1", [
      user.id,
    ])
    const second = await user.ofAgent()
    expect(second.public_key).not.toBe(first.public_key)
    expect((await api(path, { token: user.token })).body.public_key).toBe(second.public_key)
  })

  test("of another person is not given to an unprivileged user", async () => {
    const [user, other] = [await given(), await givenUser()]
    expect((await api(`/api/v2/users/${user.id}/gitsshkey`, { token: other.token })).status).toBe(
      404,
    )
  })
})

test("a ciphertext decrypts for its own kind and row only", async () => {
  const own = { kind: "agent-token", id: "one/main" } as const
  const encrypted = await encryptToken(env.TOKEN_KEYS, own, "secret")
  expect(await decryptToken(env.TOKEN_KEYS, own, encrypted)).toBe("secret")
  for (const other of [
    { kind: "agent-token", id: "two/main" },
    { kind: "webhook-secret", id: "one/main" },
  ] as const) {
    expect(await decryptToken(env.TOKEN_KEYS, other, encrypted)).toBe(null)
  }
})
