"""What the original code of each release computes under the probe, and the comparison of a network with it.

One JSON file per source, made by running the releases' own code: `logits_head` are the first logits of each of
the probe's images, `logits_l2` the norm over all of them.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo import probe
from zoo.catalog.reader import all_cards, same_network
from zoo.native import NativeModel


@functools.cache
def recorded(source: str) -> dict[str, dict[str, Any]]:
    """The references of a source by variant; empty if none is recorded."""
    file = resources.files("zoo.recorded") / f"{source}.json"
    return dict(json.loads(file.read_text("utf-8"))) if file.is_file() else {}


def reference(name: str) -> dict[str, Any] | None:
    """What the original code computes for a model, as recorded of it or of another model of the same network.

    None if nothing is recorded.

    Args:
        name: full name, `<source>/<variant>`.
    """
    source, _, variant = name.partition("/")
    card = all_cards().get(name)
    sharing = same_network(card) if card else ()
    references = recorded(source)
    variants = (variant, *(other.variant for other in sharing))
    return next((references[one] for one in variants if one in references), None)


def logits_error(logits: NDArray[np.float32], expected: dict[str, Any]) -> float:
    """The larger of the relative L2 error of the head and the relative error of the norm.

    Args:
        logits: float32 (2, classes), of the probe's images.
        expected: a reference.
    """
    head = probe.relative_l2(logits[:, : probe.HEAD_LENGTH], np.array(expected["logits_head"]))
    norm = float(np.linalg.norm(logits.astype(np.float64)))
    # NaN makes every comparison false, and so would pass for a small error.
    return max(head, abs(norm / float(expected["logits_l2"]) - 1)) if np.isfinite(norm) else np.inf


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A built network compared with its card and, if recorded, with the original code."""

    parameters_equal: bool
    macs_equal: bool
    signature_equal: bool
    logits_error: float | None
    """See `logits_error`; None if the original's logits are not recorded."""

    @property
    def holds(self) -> bool:
        """Whether everything agrees."""
        close = self.logits_error is None or self.logits_error < probe.FRAMEWORK_TOLERANCE
        return self.parameters_equal and self.macs_equal and self.signature_equal and close


def compare(native: NativeModel) -> Comparison:
    """Compares a network that has the probe's weights with its card and the original code."""
    card = native.card
    expected = reference(card.name)
    error = None
    if expected is not None:
        error = logits_error(native.logits(probe.images(card.resolution)), expected)
    return Comparison(
        parameters_equal=native.count_parameters() == card.parameters,
        macs_equal=native.count_macs() == card.macs,
        signature_equal=native.signature_sha256() == card.signature_sha256,
        logits_error=error,
    )
