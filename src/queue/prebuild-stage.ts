// The stage of a prebuild's build, as its job's input stores it.
//
// The start script receives it and the figures count by it. A build outside of a pool has no stage.
import { sql, type SQL } from "drizzle-orm"

export const prebuildStages = { create: 1, claim: 2 } as const
export type PrebuildStage = keyof typeof prebuildStages

/** The key of a job's input that holds the stage. */
export const stageInput = (stage: PrebuildStage) => ({
  prebuilt_workspace_stage: prebuildStages[stage],
})

/** Marks the input of a claim whose build replaced resources. */
export const replacedInput = { resources_replaced: true }
export const hasReplaced = (input: SQL): SQL =>
  sql`(${input} @> ${JSON.stringify(replacedInput)}::jsonb)`

/** True if a job's `input` has this stage; false if it has no stage. */
export const isStage = (input: SQL, stage: PrebuildStage): SQL =>
  sql`coalesce(
    ${input} -> 'prebuilt_workspace_stage' = ${String(prebuildStages[stage])}::jsonb, false)`
