"""Whether most convolutions and matrix products ran in the requested precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foundation.vocabulary import graph_precision
from harness.errors import FallbackError
from harness.files.file_precision import products_beside
from harness.files.onnx_graph import read_graph


def check_products(artifact: Path, requested: str, effective: str, products: Sequence[tuple[str, str]]) -> None:
    """Refuses a network that mostly ran in another precision than the requested one, unless its graph states that.

    A file may quantise a few of its products and leave the others: these are the graph's choice. A runtime may have
    kernels of a precision for a few operators only: ONNX Runtime 1.29 multiplied matrices in float16 on x86-64 and
    convolved in float32, so that of a whole network only the classifier was in float16.

    Args:
        artifact: the ONNX file.
        requested: the precision that was asked for.
        effective: those of all convolutions and matrix products, as in `fp16+fp32`.
        products: operator and precision of each convolution and matrix product as it ran.

    Raises:
        FallbackError: more than half of them, and more than the graph states, ran in another precision.
    """
    others = [(operator, precision) for operator, precision in products if precision != requested]
    if 2 * len(others) <= len(products) or len(others) <= products_beside(
        read_graph(artifact), graph_precision(requested)
    ):
        return
    operators = ", ".join(sorted({operator for operator, _ in others}))
    found = "+".join(sorted({precision for _, precision in others}))
    raise FallbackError(
        f"{requested} was requested, but the runtime computed in {effective}: {len(others)} of {len(products)} "
        f"convolutions and matrix products ran in {found} ({operators}). "
        f"Request {found}, or a backend that has {requested} kernels for these."
    )
