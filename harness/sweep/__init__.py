"""Versions of a runtime, each in a Python environment of its own: from which one is a series slower?"""
