"""Runs kept in one file, and how a series changed over time."""
