// Finds the preset that a set of parameter values matches, for requests that name none.

export type PresetValues = { parameters: readonly { name: string; value: string }[] }

/**
 * Returns the preset with the most parameters among those whose every value is given. A preset
 * without parameters matches anything. Among equally large ones the first wins, so pass the presets
 * in the same order each time.
 */
export function matchPreset<Preset extends PresetValues>(
  presets: readonly Preset[],
  given: ReadonlyMap<string, string>,
): Preset | null {
  let best: Preset | null = null
  for (const preset of presets) {
    const matches = preset.parameters.every(({ name, value }) => given.get(name) === value)
    if (matches && (best === null || preset.parameters.length > best.parameters.length))
      best = preset
  }
  return best
}
