// Gives an account a new password, in the database that DATABASE_URL names.
//
// `npm run reset-password -- you@example.com`, for an owner whom no other owner can help. With
// `--owner` the account also becomes an owner, for a deployment that has none left.
import { parseArgs } from "node:util"
import { Client } from "pg"
import { hashPassword } from "../../src/identity/sessions/password.ts"
import { readDatabaseUrl } from "./database-url.ts"
import { newPassword, resetPassword } from "./reset-password-statement.ts"

const usage =
  "usage: DATABASE_URL=postgres://... npm run reset-password -- [--owner] <e-mail or username>"

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { owner: { type: "boolean", default: false } },
  })
  const [account] = positionals
  if (account === undefined || positionals.length > 1) throw new Error(usage)
  const text = process.env["DATABASE_URL"]
  if (text === undefined || text === "") throw new Error(usage)
  const client = new Client({ connectionString: readDatabaseUrl(text).url })
  await client.connect()
  try {
    const password = newPassword()
    const hashed = await hashPassword(password)
    const found = await resetPassword(client, account, hashed, new Date(), values.owner)
    if (found === null) throw new Error(`There is no account ${JSON.stringify(account)}.`)
    console.log(
      `${found.username} (${found.email}) signs in with this password from now on: ${password}`,
    )
    if (values.owner) console.log("The account is an owner.")
    console.log(
      "Every session and token of the account has ended. Change the password after signing in.",
    )
  } finally {
    await client.end()
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : "The password was not reset.")
  process.exitCode = 1
}
