"""What zoo, converters, harness and reports share; the standard library alone. None of it is public."""

__all__: list[str] = []
