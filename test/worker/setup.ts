// Gives each test file a database of its own, and connects the production driver to it.
//
// The database is copied from the migrated template.
import { neon, neonConfig } from "@neondatabase/serverless"
import { afterAll, beforeAll, inject } from "vitest"
import { setLocalClock } from "../../dev/local/clock.ts"
import { epoch } from "./epoch.ts"

const admin = () => neon(inject("adminUrl"))
let database = "none"

neonConfig.fetchEndpoint = () => inject("endpointUrl")
// The Worker's DATABASE_URL is fixed when workerd starts, before any file. Only the database's name
// is replaced on the way out.
neonConfig.fetchFunction = (url: string, init: RequestInit) => {
  const headers = new Headers(init.headers)
  const asked = headers.get("neon-connection-string") ?? ""
  headers.set("neon-connection-string", asked.replace(/\/none(?=$|\?)/, `/${database}`))
  return fetch(url, { ...init, headers })
}

// A log event without an error does not help a failing test. Carrying thousands of them out of
// workerd costs a tenth of the time.
const log = console.log
console.log = (...parts: unknown[]) => {
  const [event] = parts
  const isEvent = typeof event === "object" && event !== null && "event" in event
  if (!isEvent) log(...parts)
}

beforeAll(async () => {
  setLocalClock(epoch)
  const created = `t_${crypto.randomUUID().replaceAll("-", "")}`
  await admin().query(`create database ${created} template dormouse_template strategy file_copy`)
  database = created
})

// The database is left behind: dropping one costs as much as creating one, and all are removed with
// the server.
afterAll(() => {
  database = "none"
  setLocalClock(null)
})
