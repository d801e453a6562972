"""Imported once by the server that makes graphs from graphs, so that each starts warm; no framework among it."""

from __future__ import annotations

import onnxruntime

from converters import precision

__all__ = ["onnxruntime", "precision"]
