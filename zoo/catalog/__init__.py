"""The facts of every released model, one TOML file a source."""
