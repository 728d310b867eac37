// `data.coder_workspace_preset` and `data.coder_workspace_tags` as the presets and tags of a
// version.
import type { ReportedPreset } from "../../../../../templates/manifest/reported.ts"
import { anyText, block, blocks, flag, number, text, textMap } from "./attributes.ts"
import type { Instance, Values } from "./show-json.ts"

/** In the order of their addresses. */
export const presetRows = (dataSources: readonly Instance[]): ReportedPreset[] =>
  dataSources
    .filter(({ type }) => type === "coder_workspace_preset")
    .map(({ values = {} }) => ({
      name: anyText(values, "name"),
      default: flag(values, "default") ?? false,
      description: text(values, "description"),
      icon: text(values, "icon"),
      parameters: textMap(values, "parameters"),
      prebuilds: prebuildsOf(block(values, "prebuilds")),
    }))

/** No block means no pool; a pool of zero instances is one that a schedule may raise. */
function prebuildsOf(prebuilds: Values | undefined): ReportedPreset["prebuilds"] {
  if (prebuilds === undefined) return undefined
  const ttl = number(block(prebuilds, "expiration_policy"), "ttl")
  const scheduling = block(prebuilds, "scheduling")
  return {
    instances: number(prebuilds, "instances") ?? 0,
    expiration_policy: ttl === undefined ? undefined : { ttl },
    scheduling:
      scheduling === undefined
        ? undefined
        : {
            timezone: anyText(scheduling, "timezone"),
            schedule: blocks(scheduling, "schedule").map((entry) => ({
              cron: anyText(entry, "cron"),
              instances: number(entry, "instances") ?? 0,
            })),
          },
  }
}

/** The tags of all sources; the last by address wins where two set the same key. */
export const tagRows = (dataSources: readonly Instance[]): Record<string, string> =>
  Object.assign(
    {},
    ...dataSources
      .filter(({ type }) => type === "coder_workspace_tags")
      .map(({ values }) => textMap(values, "tags")),
  )
