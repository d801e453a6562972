"""The combinations of a request that asks for several backends, graphs or precisions: one request for each."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Mapping
from typing import Any

from harness.artifacts.request import ArtifactRequest
from harness.records.series import Series

DIMENSIONS = ("backend", "graph", "precision")
"""Fields of `ArtifactRequest`, and of `Series`, of which a run may be asked for several values; the last varies
fastest."""

Varied = Mapping[str, tuple[str, ...]]
"""By dimension, the values that are asked for, where these are several."""


def variants(wanted: ArtifactRequest, varied: Varied) -> tuple[ArtifactRequest, ...]:
    """A request for each combination of the varied values; `wanted` alone if nothing is varied."""
    names = [name for name in DIMENSIONS if name in varied]
    chosen = itertools.product(*(varied[name] for name in names))
    return tuple(_variant(wanted, varied, dict(zip(names, values, strict=True))) for values in chosen)


def _variant(wanted: ArtifactRequest, varied: Varied, chosen: Mapping[str, Any]) -> ArtifactRequest:
    one = dataclasses.replace(wanted, **chosen)
    precisions = varied.get("precision", ())
    if not precisions:
        return one
    one = dataclasses.replace(one, file_precision=one.precision)
    return _without_calibration(one) if "int8" in precisions and one.precision != "int8" else one


def _without_calibration(request: ArtifactRequest) -> ArtifactRequest:
    """The request without what only int8 uses, so that it is not refused for it."""
    folder = request.calibration_images
    if folder and not request.artifacts and any(map(request.recalibrates, request.cards())):
        return dataclasses.replace(request, calibration_count=None)
    return dataclasses.replace(request, calibration_count=None, calibration_images=None)


def variant_text(one: ArtifactRequest | Series, varied: Collection[str]) -> str:
    """What distinguishes a combination from the others, as in `openvino, int8`; empty if nothing is varied.

    Args:
        one: the combination, or a series of it.
        varied: the dimensions that have several values.
    """
    return ", ".join(getattr(one, name) for name in DIMENSIONS if name in varied)
