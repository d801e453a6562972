"""Words, tables and progress for a person."""
