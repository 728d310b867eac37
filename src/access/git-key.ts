// The git key of a person: a random pair that all of their workspaces use.
//
// It is created at its first use and can be renewed. The database holds its seed, encrypted.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../platform/db/client.ts"
import type { RowOf } from "../platform/db/row.ts"
import type { userGitKeys } from "../platform/db/schema/identity.ts"
import { sshKeyOf, type SshKey } from "../platform/ssh-key.ts"
import { decryptToken, encryptToken, isUnderFirstKey, type CipherSubject } from "./token-cipher.ts"

export type GitKeyRow = RowOf<typeof userGitKeys>

/** Anything that runs statements for an authenticated caller. */
type Runner = { query<Row>(statement: Statement<Row>): Promise<Row[]> }

const subjectOf = (userId: string): CipherSubject => ({ kind: "git-key", id: userId })
const columns = sql`user_id, encrypted_seed, public_key, created_at, updated_at`

export const readGitKey = (userId: string): Statement<GitKeyRow> =>
  statement(
    "git-keys.read",
    sql`select ${columns} from user_git_keys where user_id = ${userId}::uuid`,
  )

export type NewGitKey = { encryptedSeed: string; publicKey: string }

const randomSeed = () => crypto.getRandomValues(new Uint8Array(32))

export const mintGitKey = (tokenKeys: string, userId: string): Promise<NewGitKey> =>
  sealGitKey(tokenKeys, userId, randomSeed())

async function sealGitKey(tokenKeys: string, userId: string, seed: Uint8Array): Promise<NewGitKey> {
  const text = Buffer.from(seed).toString("base64")
  return {
    encryptedSeed: await encryptToken(tokenKeys, subjectOf(userId), text),
    publicKey: (await sshKeyOf(seed)).publicKey,
  }
}

/** Stores a pair in place of `replaced`, an encrypted seed. Of two at once, one gets no row. */
const storeGitKey = (userId: string, key: NewGitKey, replaced: string | null, now: Date) =>
  statement<GitKeyRow>(
    "git-keys.store",
    sql`insert into user_git_keys as k (user_id, encrypted_seed, public_key, created_at, updated_at)
      values (${userId}::uuid, ${key.encryptedSeed}, ${key.publicKey}, ${now}::timestamptz,
        ${now}::timestamptz)
      on conflict (user_id) do update set encrypted_seed = excluded.encrypted_seed,
        public_key = excluded.public_key, updated_at = excluded.updated_at
      where k.encrypted_seed = ${replaced}
      returning ${columns}`,
  )

/**
 * The stored key of a person, created at its first use. `found` is the row that the caller read.
 *
 * During a rotation of the environment's keys, a seed is encrypted again under the first of them. A
 * seed that none of them opens is replaced: nobody can use it any longer.
 */
export async function ensureGitKey(
  db: Runner,
  tokenKeys: string,
  userId: string,
  found: GitKeyRow | undefined,
  now: Date,
): Promise<{ row: GitKeyRow; pair: SshKey }> {
  const seed = found === undefined ? null : await seedOf(tokenKeys, found)
  if (found !== undefined && seed !== null && isUnderFirstKey(tokenKeys, found.encrypted_seed))
    return { row: found, pair: await sshKeyOf(seed) }
  const minted = await sealGitKey(tokenKeys, userId, seed ?? randomSeed())
  const replaced = found?.encrypted_seed ?? null
  const [stored] = await db.query(storeGitKey(userId, minted, replaced, now))
  const [row] = stored === undefined ? await db.query(readGitKey(userId)) : [stored]
  const current = row === undefined ? null : await seedOf(tokenKeys, row)
  if (row === undefined || current === null) throw new Error("The git key cannot be decrypted.")
  return { row, pair: await sshKeyOf(current) }
}

async function seedOf(tokenKeys: string, row: GitKeyRow): Promise<Uint8Array | null> {
  const seed = await decryptToken(tokenKeys, subjectOf(row.user_id), row.encrypted_seed)
  return seed === null ? null : Buffer.from(seed, "base64")
}
