// Values cross the wire to PostgreSQL and back unchanged.
import { describe, expect, test } from "vitest"
import { parseDatabaseUrl } from "../../../../src/platform/db/client.ts"
import {
  DatabaseUnavailable,
  StatementFailed,
  translateError,
} from "../../../../src/platform/db/errors.ts"
import {
  encodeValue,
  instantMax,
  instantMin,
  parseInstant,
  valueTypes,
} from "../../../../src/platform/db/values.ts"

describe("values", () => {
  test.each([
    ["2026-11-23 16:03:18.244+00", "2026-11-23T16:03:18.244Z"],
    ["2026-11-23 16:03:18+00", "2026-11-23T16:03:18.000Z"],
    ["2026-11-23 16:03:18+05:30", "2026-11-23T10:33:18.000Z"],
    ["2026-11-23 16:03:18-08", "2026-11-24T00:03:18.000Z"],
    ["2026-11-23T16:03:18.5+00:00", "2026-11-23T16:03:18.500Z"],
    ["10000-01-01 00:00:00+00", "+010000-01-01T00:00:00.000Z"],
    ["0044-03-15 12:00:00+00 BC", "-000043-03-15T12:00:00.000Z"],
    ["1890-01-01 00:53:28+00:53:28", "1890-01-01T00:00:28.000Z"],
  ])("reads the instant %s", (text, iso) => {
    expect(parseInstant(text).toISOString()).toBe(iso)
  })

  test.each([
    ["+010000-01-01T00:00:00.000Z", "10000-01-01T00:00:00.000Z"],
    ["0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z"],
    ["-000043-03-15T12:00:00.000Z", "0044-03-15T12:00:00.000Z BC"],
  ])("writes the instant %s as PostgreSQL reads it", (iso, text) => {
    expect(encodeValue(new Date(iso))).toBe(text)
  })

  test("infinite instants survive both ways", () => {
    expect([parseInstant("infinity"), parseInstant("-infinity")]).toEqual([instantMax, instantMin])
    expect([encodeValue(instantMax), encodeValue(instantMin)]).toEqual(["infinity", "-infinity"])
  })

  test("arrays are encoded element by element", () => {
    const at = new Date("2026-01-01T00:00:00Z")
    expect(encodeValue([at, null, "x"])).toEqual(["2026-01-01T00:00:00.000Z", null, "x"])
  })

  test("bytes are hexadecimal", () => {
    expect(encodeValue(Uint8Array.of(0, 15, 255))).toBe("\\x000fff")
    expect(valueTypes.getTypeParser(17)("\\x000fff")).toEqual(Uint8Array.of(0, 15, 255))
  })
})

describe("a database URL", () => {
  test.each([
    [undefined, "DATABASE_URL is not set."],
    ["  ", "DATABASE_URL is not set."],
    [
      "mysql://u:secret@h/d",
      "DATABASE_URL is not a PostgreSQL URL (postgres://user:password@host/database).",
    ],
    [
      "not a url with secret",
      "DATABASE_URL is not a PostgreSQL URL (postgres://user:password@host/database).",
    ],
    ["postgres://u:secret@h", "DATABASE_URL lacks a user, a host or a database name."],
  ])("%s is refused without being repeated", (text, error) => {
    expect(parseDatabaseUrl(text)).toEqual({ ok: false, error })
  })

  test("a good one passes", () => {
    expect(parseDatabaseUrl("postgresql://u:p@h/d?sslmode=require")).toEqual({
      ok: true,
      url: "postgresql://u:p@h/d?sslmode=require",
    })
  })
})

describe("what the driver throws", () => {
  test("keeps its code and constraint, and loses its text", () => {
    const failure = translateError("users.create", {
      code: "23505",
      constraint: "users_username_live",
      message: "secret parameters",
    })
    expect(failure).toBeInstanceOf(StatementFailed)
    expect(failure.message).toBe("users.create failed with 23505 on users_username_live")
    expect(JSON.stringify(failure)).not.toContain("secret")
  })

  test.each([new RangeError("Invalid time value"), new TypeError("x is not a function")])(
    "%s is a fault of our own and no outage",
    (error) => {
      expect(translateError("x", error)).toBe(error)
    },
  )

  test.each([["08006"], ["57P01"], ["57014"], ["53300"], [undefined]])(
    "%s means that the database is away",
    (code) => {
      expect(translateError("x", { code, message: "m" })).toBeInstanceOf(DatabaseUnavailable)
    },
  )

  test("keeps the sentence of an error that our own SQL raised", () => {
    const failure = translateError("x", {
      code: "DM401",
      message: "API key is invalid.",
      hint: "message",
    })
    expect(failure).toMatchObject({ raised: { message: "API key is invalid.", hint: "message" } })
  })
})
