"""Code that zoo, converters, harness and reports share; it needs the standard library alone. None of it is public."""

__all__: list[str] = []
