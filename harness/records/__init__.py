"""The run directory: what was measured, as files, rows and columns."""
