// What a prebuild's build is for, as its job's input says it: the start script is told, the figures count by it. A build that has
// nothing to do with a pool has none.
import { sql, type SQL } from "drizzle-orm"

export const prebuildStages = { create: 1, claim: 2 } as const
export type PrebuildStage = keyof typeof prebuildStages

/** The key of a job's input that holds the stage. */
export const stageInput = (stage: PrebuildStage) => ({
  prebuilt_workspace_stage: prebuildStages[stage],
})

/** The key of a claim's input that says that its build made resources anew. */
export const replacedInput = { resources_replaced: true }
export const hasReplaced = (input: SQL): SQL =>
  sql`(${input} @> ${JSON.stringify(replacedInput)}::jsonb)`

/** Over a job's `input`: whether it is of this stage; false where it has none. */
export const isStage = (input: SQL, stage: PrebuildStage): SQL =>
  sql`coalesce(${input} -> 'prebuilt_workspace_stage' = ${String(prebuildStages[stage])}::jsonb, false)`
