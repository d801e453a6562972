"""Option groups that commands subscribe to: each adds its options to a parser and reads its record from the result."""
