"""Numbers in, numbers out: intervals, tests, corrections."""
