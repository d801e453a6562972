"""Conversion factors between units of measurement."""

BYTES_PER_MIB = 1024 * 1024
NANOSECONDS_PER_MILLISECOND = 1_000_000
MILLISECONDS_PER_SECOND = 1000
