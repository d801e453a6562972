"""The frameworks that networks are exported from, as runtimes: what a network costs before it is converted."""
