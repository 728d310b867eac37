// A statement as a sequence of named steps: each is one or more CTEs with a typed interface.
//
// A step that another file writes binds to the names of earlier CTEs. Its type says which columns
// it needs and which it offers, so the compiler rejects a sequence in which one is missing.
import { sql, type SQL } from "drizzle-orm"

/** The columns of a CTE, as `name.column`. */
export type Columns<Name extends string, Column extends string> = `${Name}.${Column}`

/** CTEs as they appear in a `with` list, without the commas around them. */
export type Step<Needs extends string, Offers extends string> = {
  readonly ctes: SQL
  /** Types only: a step may be added where all that it needs is offered. */
  readonly needs?: Needs
  readonly offers?: Offers
}

export function step<Needs extends string, Offers extends string>(ctes: SQL): Step<Needs, Offers> {
  return { ctes }
}

class Steps<Offered extends string> {
  readonly #ctes: readonly SQL[]

  constructor(ctes: readonly SQL[]) {
    this.#ctes = ctes
  }

  add<Offers extends string>(next: Step<Offered, Offers>): Steps<Offered | Offers> {
    return new Steps([...this.#ctes, next.ctes])
  }

  /** The whole statement: the steps, then the query that returns their result. */
  select(query: SQL): SQL {
    return sql`with ${sql.join([...this.#ctes], sql`, `)} ${query}`
  }
}

export function withSteps<Offers extends string>(first: Step<never, Offers>): Steps<Offers> {
  return new Steps([first.ctes])
}
