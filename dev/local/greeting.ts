// What `npm start` prints when everything runs: the address, how to sign in, and three things to
// try.
//
// Each command can be pasted as it is.

export type Greeting = {
  url: string
  email: string
  password: string
  templateId: string
  /** A workspace to try things on; undefined if all were deleted. */
  workspaceId: string | undefined
}

export function greeting({ url, email, password, templateId, workspaceId }: Greeting): string {
  const api = `${url}/api/v2`
  const get = `curl -s -H "$AUTH" ${api}`
  const json = "-H 'content-type: application/json'"
  // The parameter is that of the pool's preset, so that the workspace matches it.
  const claim = JSON.stringify({
    name: "delta",
    template_id: templateId,
    rich_parameter_values: [{ name: "greeting", value: "good to see you" }],
  })
  const why = workspaceId === undefined ? "" : `\n       ${get}/workspaces/${workspaceId}/lifecycle`
  return `
Dormouse runs at ${url}

  Sign in     ${email} / ${password}
  with curl   AUTH="Coder-Session-Token: $(curl -s ${api}/users/login ${json} \\
                -d '${JSON.stringify({ email, password })}' | cut -d'"' -f4)"
  Reference   ${url}/docs

Three things to try
  1. See the workspaces, and what each will do next and why: open ${url}/ or ask
       ${get}/workspaces${why}
  2. Take one of the workspaces that a pool keeps ready,
    and see it fill again (the first ones take half a minute)
       ${get}/users/me/workspaces ${json} \\
         -d '${claim}'
       ${get}/templates/${templateId}/prebuilds
  3. Watch a week pass in a minute
       npm run demo

Logs are in .data/. Ctrl-C stops everything; what was made is kept for the next start.`
}
