// The errors of statements, without their text.
//
// A driver's message holds the SQL and its parameters, so it is neither logged nor returned. An
// error that our own SQL raised (SQLSTATE DM...) keeps its sentence.

/** The Worker has no usable database URL. The message names the fault and never repeats the URL. */
export class DatabaseMisconfigured extends Error {
  override name = "DatabaseMisconfigured"
}

/** The database could not be reached or did not answer: 503 to a client, and a job tries again. */
export class DatabaseUnavailable extends Error {
  override name = "DatabaseUnavailable"
  readonly statement: string
  readonly code: string | undefined
  /** True if the database itself refused or canceled the statement, so that nothing was done. */
  readonly isUndone: boolean

  constructor(statement: string, code: string | undefined) {
    super(`the database did not answer ${statement}`)
    this.statement = statement
    this.code = code
    this.isUndone = code !== undefined && undone.test(code)
  }
}

// 53: no resources. 57014: canceled by a limit or because its caller has left. 57P03: starting up.
const undone = /^(53...|57014|57P03)$/

/** A statement failed. `code` is the SQLSTATE; `constraint` names the broken constraint. */
export class StatementFailed extends Error {
  override name = "StatementFailed"
  readonly statement: string
  readonly code: string
  readonly constraint: string | undefined
  /** The sentence and hint of an error that our own SQL raised; undefined for all others. */
  readonly raised: { message: string; hint: string | undefined } | undefined

  constructor(statement: string, fields: PostgresFields) {
    const broken = fields.constraint ? ` on ${fields.constraint}` : ""
    super(`${statement} failed with ${fields.code}${broken}`)
    this.statement = statement
    this.code = fields.code
    this.constraint = fields.constraint
    this.raised = fields.code.startsWith("DM")
      ? { message: fields.message, hint: fields.hint ?? undefined }
      : undefined
  }
}

export type PostgresFields = {
  code: string
  message: string
  constraint?: string | undefined
  hint?: string | undefined
}

/** True when a unique constraint, named or any, was broken. */
export function isUniqueViolation(error: unknown, constraint?: string): error is StatementFailed {
  return (
    error instanceof StatementFailed &&
    error.code === "23505" &&
    (constraint === undefined || error.constraint === constraint)
  )
}

// 08: connection; 53: resources; 57P: the server is stopping or the backend was ended.
// 57014: the statement ran into a timeout and was canceled.
const unavailable = /^(08|53|57P|57014)/

const isProgrammingError = (error: unknown) =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError

/**
 * Turns an error of the driver into one of the two errors above. A fault of our own code, such as a
 * parser of values that throws, is no outage: it comes back as it is.
 */
export function translateError(
  statement: string,
  error: unknown,
): DatabaseUnavailable | StatementFailed | Error {
  if (isProgrammingError(error)) return error
  const fields = error as Partial<PostgresFields> | null
  const code =
    typeof fields?.code === "string" && /^[0-9A-Z]{5}$/.test(fields.code) ? fields.code : undefined
  if (code === undefined || unavailable.test(code)) return new DatabaseUnavailable(statement, code)
  return new StatementFailed(statement, {
    code,
    message: fields?.message ?? "",
    constraint: fields?.constraint,
    hint: fields?.hint,
  })
}
