"""Option groups that commands subscribe to, each with the record it fills."""
