"""From models to artifacts with the facts of their rows; the room that knows zoo and converters."""
