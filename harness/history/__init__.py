"""Runs kept in one file, and how a series moved over time."""
