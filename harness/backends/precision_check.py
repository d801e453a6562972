"""Whether most convolutions and matrix products ran in the requested precision."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import FallbackError


def check_majority(requested: str, effective: str, arithmetic: Sequence[tuple[str, str]]) -> None:
    """Refuses a network that mostly ran in another precision.

    A runtime may have kernels of a precision for a few operators only: ONNX Runtime 1.29 multiplied matrices in float16
    on x86-64 and convolved in float32, so that of a whole network only the classifier was in float16.

    Args:
        requested: the precision that was asked for.
        effective: those of all convolutions and matrix products, as in `fp16+fp32`.
        arithmetic: operator and precision of each convolution and matrix product.

    Raises:
        FallbackError: more than half of them ran in another precision.
    """
    others = [(operator, precision) for operator, precision in arithmetic if precision != requested]
    if 2 * len(others) <= len(arithmetic):
        return
    operators = ", ".join(sorted({operator for operator, _ in others}))
    found = "+".join(sorted({precision for _, precision in others}))
    raise FallbackError(
        f"{requested} was requested, but the runtime computed in {effective}: {len(others)} of {len(arithmetic)} "
        f"convolutions and matrix products ran in {found} ({operators}). "
        f"Request {found}, or a backend that has {requested} kernels for these."
    )
