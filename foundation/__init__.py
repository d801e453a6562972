"""What zoo, converters, harness and reports share; the standard library alone."""
