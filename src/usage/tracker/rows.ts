// The rows of the tracker's own tables, as a flush reads them.

export type UsedRow = {
  workspace_id: string
  seen_at_ms: number
  bump_at_ms: number | null
  next_autostart_at_ms: number | null
}
export type StatRow = { id: number; stat: string }
export type PermitRow = {
  key_id: string
  workspace_id: string
  key_hash: string
  checked_at_ms: number
  used_at_ms: number
  /** The address of the ping that used it at `used_at_ms`. */
  ip: string
  facts: string
}
