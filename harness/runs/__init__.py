"""Carrying out a request: preparation, then rounds of trials until they suffice."""
