"""One module a source: from a card to the native model."""
