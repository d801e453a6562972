"""Units of measurement, and what one is in another."""

NANOSECONDS_PER_MILLISECOND = 1_000_000
