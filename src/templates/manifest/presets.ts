// Presets of a template manifest: named parameter values, each with a pool of prebuilds.
import { z } from "zod"
import { isZone, parseCronWindow } from "../../schedule/cron-window.ts"
import { findScheduleConflict } from "../../schedule/schedule-overlap.ts"
import { entryName, icon, plainText, scalarText } from "./parameters.ts"
import { cronLengthMax, entryNameLengthMax, scheduleCountMax } from "./reported.ts"

const instanceCountMax = 1000
const presetCountMax = 100
const ttlSecondsMin = 3600
const ttlSecondsMax = 31_536_000

const instances = z.int().min(0).max(instanceCountMax)

const expirationPolicy = z.object({
  ttl: z
    .int()
    .refine(
      (ttl) => ttl === 0 || (ttl >= ttlSecondsMin && ttl <= ttlSecondsMax),
      `must be 0 or ${ttlSecondsMin} to ${ttlSecondsMax} seconds`,
    )
    .describe("Seconds after which an unclaimed prebuilt workspace is replaced; 0 = never."),
})

const scheduleEntry = z.object({
  cron: z
    .string()
    .max(cronLengthMax)
    .refine(
      (cron) => parseCronWindow(cron) !== null,
      "must be a cron of 5 fields whose minute is *",
    )
    .describe("Read as a window: `* 9-18 * * 1-5` is 09:00 to 18:59 on weekdays."),
  instances,
})

const scheduling = z.object({
  timezone: z.string().refine(isZone, "must be a known IANA time zone"),
  schedule: z
    .array(scheduleEntry)
    .min(1)
    .max(scheduleCountMax)
    .superRefine((entries, ctx) => {
      const conflict = findScheduleConflict(entries.map((entry) => entry.cron))
      if (conflict === null) return
      const [first, second] = conflict.pair
      const why = conflict.error ?? `overlaps entry ${first}`
      ctx.addIssue({ code: "custom", path: [second, "cron"], message: why })
    }),
})

const prebuilds = z.object({
  instances: instances.describe(
    "How many ready workspaces are kept when no schedule says otherwise.",
  ),
  expiration_policy: expirationPolicy.optional(),
  scheduling: scheduling.optional(),
})

const manifestPreset = z.object({
  name: entryName,
  default: z.boolean().default(false),
  description: plainText.max(128).default(""),
  icon,
  parameters: z
    .record(
      z.string().min(1).max(entryNameLengthMax),
      scalarText.refine((value) => value !== "", "must not be empty"),
    )
    .default({}),
  prebuilds: prebuilds.optional(),
})

export const manifestPresets = z
  .array(manifestPreset)
  .max(presetCountMax)
  .superRefine((presets, ctx) => {
    const names = new Set<string>()
    for (const [index, preset] of presets.entries()) {
      if (names.has(preset.name)) {
        ctx.addIssue({
          code: "custom",
          path: [index, "name"],
          message: `another preset is named "${preset.name}"`,
        })
      }
      names.add(preset.name)
    }
    if (presets.filter((preset) => preset.default).length > 1) {
      ctx.addIssue({ code: "custom", path: [], message: "only one preset can be the default" })
    }
  })
