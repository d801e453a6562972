"""The facts of one implementation of a model under the probe, by which two of them are compared."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.wording import first_line
from zoo import probe
from zoo.native import NativeModel


@dataclasses.dataclass(frozen=True)
class NetworkFacts:
    """A network with the probe's weights."""

    signature_sha256: str
    """Digest of the names, shapes and types of its state (`zoo.probe.signature_sha256`)."""
    shapes: Mapping[str, tuple[int, ...]]
    """Shapes of the tensors of its state, by name."""
    parameters: int
    """Trainable parameters."""
    macs: int
    """Multiply-adds of one image."""
    logits: NDArray[np.float32]
    """(2, classes), for the probe's images."""
    operators: Mapping[str, int] | None = None
    """Number of each operator in the exported graph; None if it was not exported."""
    operators_reason: str = ""
    """Why there is no exported graph."""

    def to_json(self) -> dict[str, Any]:
        """The facts as a JSON object."""
        return {**dataclasses.asdict(self), "logits": self.logits.tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NetworkFacts:
        """The facts read back."""
        shapes = {name: tuple(shape) for name, shape in data["shapes"].items()}
        return cls(**{**data, "shapes": shapes, "logits": np.array(data["logits"], np.float32)})


def gather(native: NativeModel, operators_by: str = "") -> NetworkFacts:
    """Collects the facts of a network on the probe's images.

    Args:
        native: the network, with the probe's weights.
        operators_by: `module:function` that counts the operators of a network's exported graph; if empty, nothing is
            exported. It is given by name because exporting is above this package. If it fails, only the operators are
            missing.
    """
    facts = NetworkFacts(
        signature_sha256=native.signature_sha256(),
        shapes={name: tuple(array.shape) for name, array in native.parameters().items()},
        parameters=native.count_parameters(),
        macs=native.count_macs(),
        logits=native.logits(probe.images(native.card.resolution)),
    )
    if not operators_by:
        return facts
    module, _, function = operators_by.partition(":")
    try:
        operators = getattr(importlib.import_module(module), function)(native)
    except Exception as error:
        return dataclasses.replace(facts, operators_reason=f"{type(error).__name__}: {first_line(error)}")
    return dataclasses.replace(facts, operators=operators)
