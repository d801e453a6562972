"""Files that survive a kill, and what identifies an artifact."""
