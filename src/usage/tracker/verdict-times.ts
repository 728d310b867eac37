// How long a shard may trust what it knows of a caller, in milliseconds.

/** A verdict is good for so long after the database gave it, and no longer. */
export const verdictMsMax = 60_000
/** A verdict that no ping used for so long is forgotten rather than proven again. */
export const verdictIdleMsMax = 300_000
/** When a verdict was last used is noted at most so often: a ping a minute would otherwise write two rows each. */
export const verdictTouchMs = 120_000
/** Between two marks of use of one key, and between two slides of one session: as full authentication has it. */
export const keyMarkMs = 3_600_000
