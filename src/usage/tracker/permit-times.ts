// How long a shard may trust a permit, in milliseconds.

/** A permit is good for this long after the database gave it. */
export const permitMsMax = 60_000
/** A permit that no ping used for this long is forgotten and not proven again. */
export const permitIdleMsMax = 300_000
/**
 * The least time between two notes of a permit's use. A ping a minute would otherwise write two
 * rows.
 */
export const permitTouchMs = 120_000
/**
 * The time between two notes of one key's use, and between two slides of one session, as in
 * key_mark_is_due() and key_slide_is_due().
 */
export const keyMarkMs = 3_600_000
