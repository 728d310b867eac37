// The API as the overview calls it, and the parts of its answers that it shows.

/**
 * @typedef {{ id: string, name: string, owner_name: string, template_name: string, dormant_at: string | null,
 *   deleting_at: string | null, is_prebuild: boolean, last_used_at: string, health: { healthy: boolean },
 *   latest_build: { id: string, build_number: number, status: string, transition: string, reason: string, deadline: string | null,
 *     job: { error?: string }, resources: { agents?: { status: string }[] }[] } }} Workspace
 * @typedef {{ rule: string, transition: "start" | "stop" | "delete" | null, reason: string | null, at: string }} Next
 * @typedef {{ rule: string, verdict: string, due_at: string | null, because: { message: string } | null }} Rule
 * @typedef {{ takes_part: boolean, because: { message: string } | null, next: Next | null, rules: Rule[] }} Explanation
 */

export class Refused extends Error {
  /** @param {number} status @param {{ message?: string, detail?: string, validations?: { detail: string }[] }} body */
  constructor(status, body) {
    super(
      [body.message, body.detail, ...(body.validations ?? []).map(({ detail }) => detail)]
        .filter(Boolean)
        .join(" "),
    )
    this.status = status
  }
}

/** @param {string} method @param {string} path @param {unknown} [body] */
export async function call(method, path, body) {
  const answer = await fetch(`/api/v2${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  })
  if (answer.ok) return answer.status === 204 ? null : answer.json()
  throw new Refused(
    answer.status,
    await answer.json().catch(() => ({ message: `The server answered ${answer.status}.` })),
  )
}
