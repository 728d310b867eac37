// The rows of the tracker's own tables, as they are read for a flush.

export type UsedRow = {
  workspace_id: string
  seen_at_ms: number
  bump_at_ms: number | null
  next_autostart_at_ms: number | null
}
export type StatRow = { id: number; stat: string }
export type VerdictRow = {
  key_id: string
  workspace_id: string
  key_hash: string
  checked_at_ms: number
  used_at_ms: number
  /** Where the ping came from that used it at `used_at_ms`. */
  ip: string
  facts: string
}
