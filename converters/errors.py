"""Errors of a conversion; each message says what to do about it."""

from __future__ import annotations


class ConversionError(Exception):
    """No artifact can be made from this model as requested."""


class VerificationError(ConversionError):
    """The graph does not compute what the network computes."""


class GraphNotRunError(VerificationError):
    """ONNX Runtime does not run the graph."""
