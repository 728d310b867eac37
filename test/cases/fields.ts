// The fields of cases that were read since the last test ended.
let read = new Set<string>()

/** `field` is a path as `lifecycle/cron_next/3/expected/next`. */
export function noteField(field: string): void {
  read.add(field)
}

export function drainFields(): string[] {
  const fields = [...read]
  read = new Set()
  return fields
}
