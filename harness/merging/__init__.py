"""Puts together what the shards of one job left in several folders: exactly, or not at all."""
