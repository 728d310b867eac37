// `npm run reset-password -- you@example.com`: gives an account a new password, in the database that DATABASE_URL names. For the
// owner whom nobody is left to help: whoever can reach the database may do this, and nobody else.
import { parseArgs } from "node:util"
import { Client } from "pg"
import { hashPassword } from "../../src/identity/sessions/password.ts"
import { readDatabaseUrl } from "./database-url.ts"
import { newPassword, resetPassword } from "./reset-password-statement.ts"

const usage = "usage: DATABASE_URL=postgres://... npm run reset-password -- <e-mail or username>"

try {
  const { positionals } = parseArgs({ allowPositionals: true })
  const [account] = positionals
  if (account === undefined || positionals.length > 1) throw new Error(usage)
  const text = process.env["DATABASE_URL"]
  if (text === undefined || text === "") throw new Error(usage)
  const client = new Client({ connectionString: readDatabaseUrl(text).url })
  await client.connect()
  try {
    const password = newPassword()
    const found = await resetPassword(client, account, await hashPassword(password), new Date())
    if (found === null) throw new Error(`There is no account ${JSON.stringify(account)}.`)
    console.log(
      `${found.username} (${found.email}) signs in with this password from now on: ${password}`,
    )
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
