"""What the conversion of a user's or a library's network adds: its precision, and its verification."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from converters.amplified_rounding import AMPLIFIES, MOST_TIMES_OWN, own_error
from converters.errors import ConversionError, GraphNotRunError, VerificationError
from converters.graph_precision import graph_precision, weights_precisions
from converters.light_graph import without_weights
from converters.verify import Agreement, artifact_outputs, as_rows, compare, image_sets, padded
from foundation.wording import counted, first_line
from zoo import probe
from zoo.own_model import WITHOUT_BATCH_STATISTICS, OwnModel, batch_statistics_layers, statistics_text
from zoo.torch_model import TorchModel

Array = NDArray[np.float32]

ONE_BATCH = "the network takes {images} at a time, no more"
NO_ROWS = (
    "given {images}, the network does not return a row for each: it is verified at the batch of the artifact alone"
)
MIXES_IMAGES = (
    "an image's output depends on the other images of its batch: figures of accuracy are those of batches of {batch}"
)
RANDOM = (
    "two runs of the network on the same images differ, so no graph can be verified: it draws random numbers, as in "
    "dropout without training=self.training, or keeps a state"
)


def refuse_other_precision(model: onnx.ModelProto) -> None:
    """Refuses a graph that is not one of float32: every other precision is derived from that.

    Raises:
        ConversionError: convolutions or matrix products have another precision.
    """
    try:
        found = graph_precision(without_weights(model)).split("+")
    except onnx.shape_inference.InferenceError:
        # Verification judges the graph; a type that cannot be inferred is not a fault of it. But an operator may not
        # exist in the type of its weights.
        found = weights_precisions(model)
    if named := [name for name in found if name not in ("", "fp32", "other")]:
        raise ConversionError(
            f"the network computes in {' and '.join(named)} inside, whatever its input: return it in float32, and "
            "choose the precision with --precision"
        )


def verify_own(native: OwnModel | TorchModel, path: Path, batch: int) -> tuple[list[Agreement], list[str]]:
    """Compares an artifact with a user's or a library's network, which may take no other batch than the artifact's.

    Returns:
        The agreements, and what a reader should know about rounding and about other batches.

    Raises:
        GraphNotRunError: ONNX Runtime does not run the graph.
        VerificationError: see `converters.verify.compare`; or the network does not run.
    """
    agreements, own_errors = [], []
    for name, images, tolerance in image_sets(native.card):
        fed = padded(images, batch)
        expected, actual = _native_outputs(native, fed, batch), _artifact_outputs(path, fed)
        if expected[0].shape != actual[0].shape:
            raise VerificationError(
                f"the graph's output has shape {actual[0].shape}, the network's {expected[0].shape}"
            )
        rows = as_rows(expected, batch), as_rows(actual, batch)
        try:
            agreements.append(compare(name, *rows, tolerance))
        except VerificationError as error:
            if cause := _cause(native, fed[:batch], expected[0]):
                raise VerificationError(cause) from error
            own = own_error(_deployed(native), fed.reshape(-1, batch, *fed.shape[1:]))
            if MOST_TIMES_OWN * own <= tolerance:
                raise
            agreements.append(compare(name, *rows, MOST_TIMES_OWN * own))
            own_errors.append(own)
    largest = max(one.relative_l2 for one in agreements)
    amplifies = [AMPLIFIES.format(own=max(own_errors), error=largest)] if own_errors else []
    return agreements, [*amplifies, *_other_batch(native, fed, batch, expected, max(own_errors, default=0))]


def _deployed(native: OwnModel | TorchModel) -> Any:
    """The module that returns what is measured."""
    return native.deployable() if isinstance(native, OwnModel) else native.module


def _native_outputs(native: OwnModel | TorchModel, images: Array, batch: int) -> list[Array]:
    try:
        return [native.logits(chunk) for chunk in images.reshape(-1, batch, *images.shape[1:])]
    except MemoryError:
        raise
    except Exception as error:
        raise VerificationError(
            f"the network takes black images and fails on others: {type(error).__name__}: {first_line(error)}"
        ) from error


def _artifact_outputs(path: Path, images: Array) -> list[Array]:
    try:
        return artifact_outputs(path, images)
    except MemoryError:
        raise
    except Exception as error:
        raise GraphNotRunError(f"ONNX Runtime does not run the converted graph: {first_line(error)}") from error


def _cause(native: OwnModel | TorchModel, images: Array, before: Array) -> str:
    """Why a graph may disagree with its network although the exporter made no mistake; empty if nothing is found."""
    again = native.logits(images)
    if np.isfinite(before).all() and np.isfinite(again).all():
        if probe.relative_l2(again, before) > probe.RUNTIME_TOLERANCE:
            return RANDOM
        if layers := batch_statistics_layers(native.module):
            return (
                f"{statistics_text(layers)}, and the exporter wrote a graph without them: {WITHOUT_BATCH_STATISTICS}, "
                "or try the other exporter (--exporter)"
            )
    return ""


def _other_batch(
    native: OwnModel | TorchModel, images: Array, batch: int, expected: Sequence[Array], own: float
) -> list[str]:
    """What to say about batches of one more image than the artifact's; nothing if their rows are the same."""
    more = np.resize(images, (batch + 1, *images.shape[1:]))
    try:
        output = native.logits(more)
    except MemoryError:
        raise
    except Exception:
        return [ONE_BATCH.format(images=counted(batch, "image"))]
    if not output.ndim or output.shape[0] != batch + 1:
        return [NO_ROWS.format(images=counted(batch + 1, "image"))]
    same = probe.relative_l2(output[:batch], expected[0]) <= max(probe.RUNTIME_TOLERANCE, MOST_TIMES_OWN * own)
    return [] if same or batch_statistics_layers(native.module) else [MIXES_IMAGES.format(batch=batch)]
