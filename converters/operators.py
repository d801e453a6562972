"""The operators of an exported graph, by which two implementations of a network are compared."""

from __future__ import annotations

import collections

import onnx

from converters.exporting import export
from converters.request import ConversionRequest
from zoo.native import NativeModel


def histogram(model: onnx.ModelProto) -> dict[str, int]:
    """The number of occurrences of each operator in a graph, in alphabetical order."""
    return dict(sorted(collections.Counter(node.op_type for node in model.graph.node).items()))


def count(native: NativeModel) -> dict[str, int]:
    """The number of occurrences of each operator in the graph that the framework's default exporter makes.

    Raises:
        ConversionError, MissingPackageError: see `converters.exporting.export`.
    """
    return histogram(export(native, ConversionRequest(native.card.name).resolved(native.card)))
