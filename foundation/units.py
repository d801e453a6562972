"""Units of measurement, and what one is in another."""

BYTES_PER_MIB = 1024 * 1024
NANOSECONDS_PER_MILLISECOND = 1_000_000
