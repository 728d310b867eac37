// What a template uses and Dormouse does not offer: a sentence for each kind, for the log of the
// import.
import { block, text } from "./attributes.ts"
import { allReferences, configResources } from "./configuration.ts"
import { instancesOf, type PlanJson } from "./show-json.ts"

const sentences: Readonly<Record<string, string>> = {
  coder_devcontainer: "Dev containers are not started; what belongs to one is left out.",
  coder_script_order: "Scripts of an agent all run at once; their order is not kept.",
  coder_ai_task: "Tasks are not supported: the workspace is an ordinary one.",
  coder_task: "Tasks are not supported: the workspace is an ordinary one.",
  coder_external_auth: "Accounts cannot be linked: access_token of coder_external_auth is empty.",
  coder_secret: "Secrets of users are not supported: their values are empty.",
}

const emptyAttributes: Readonly<Record<string, string>> = {
  session_token:
    "session_token of coder_workspace_owner is empty: no session is handed to a template.",
  oidc_access_token: "oidc_access_token of coder_workspace_owner is empty.",
}

export function unsupportedKinds(plan: PlanJson): string[] {
  const root = plan.configuration.root_module
  const found = new Set<string>()
  const addresses = new Map<string, string[]>()
  for (const { address, resource } of configResources(root)) {
    const sentence = sentences[resource.type]
    if (sentence !== undefined)
      addresses.set(sentence, [...(addresses.get(sentence) ?? []), address])
  }
  for (const [sentence, named] of addresses) found.add(`${named.join(", ")}: ${sentence}`)
  for (const reference of allReferences(root)) {
    const [head, type, , attribute = ""] = reference.split(".")
    const sentence = emptyAttributes[attribute]
    if (head === "data" && type === "coder_workspace_owner" && sentence !== undefined)
      found.add(sentence)
  }
  for (const { type, address, values } of instancesOf(plan.planned_values?.root_module)) {
    if (type !== "coder_agent") continue
    if (block(values, "resources_monitoring") !== undefined) {
      found.add(`${address}: Memory and volumes are not monitored.`)
    }
    const auth = text(values, "auth") ?? "token"
    if (auth !== "token") {
      found.add(
        `${address}: Authentication by ${auth} is not supported, so this agent cannot connect. ` +
          'Use auth = "token".',
      )
    }
  }
  return [...found]
}
