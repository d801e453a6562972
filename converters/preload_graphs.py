"""Imported once by the server for graphs made from graphs, so that each conversion starts warm without a framework."""

from __future__ import annotations

import onnxruntime

from converters import precision

__all__ = ["onnxruntime", "precision"]
