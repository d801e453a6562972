"""Code that zoo, converters, harness and reports share; it needs the standard library alone."""
