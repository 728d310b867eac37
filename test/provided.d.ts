// What the global setup hands to the tests, inside workerd too.
// oxlint-disable-next-line import/no-unassigned-import -- makes what follows an addition to the module
import "vitest"

declare module "vitest" {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- only an interface can be added to
  interface ProvidedContext {
    /** Connection string of the maintenance database of the tests' server. */
    adminUrl: string
    /** The Neon endpoint in front of it. */
    endpointUrl: string
    /** From DORMOUSE_SIMULATION_SEED and DORMOUSE_SIMULATION_STEPS: null where they are not set. */
    simulation: { seed: number | null; steps: number | null }
  }
}
