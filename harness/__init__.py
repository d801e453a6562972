"""From an artifact to rows of comparable measurements."""
