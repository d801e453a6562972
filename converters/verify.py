"""Proves that a graph computes what the native model computes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from converters.errors import VerificationError
from converters.images import dead_leaves, pixel_noise
from zoo import probe
from zoo.card import ModelCard, Preprocessing
from zoo.native import NativeModel
from zoo.own import SOURCE
from zoo.preprocessing import Normalisation

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")

USER_NOISE = "noise"
"""Name of the noise that a user's network is verified on."""
IMAGES = 2
"""Images of each kind that a user's or a library's network is verified on, and that precisions are compared on."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How an artifact's logits compare with the native model's on one set of images."""

    images: str
    count: int
    relative_l2: float
    """L2 norm of the difference over that of the native logits."""
    max_abs: float
    top1_agreement: float
    """Share of images whose largest logit is the same class."""

    def to_json(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return dataclasses.asdict(self)


def padded(images: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """The images repeated to a whole number of batches."""
    count = -(-len(images) // batch) * batch
    return np.resize(images, (count, *images.shape[1:])) if count != len(images) else images


def artifact_logits(path: Path, images: NDArray[np.float32], threads: int = 1) -> NDArray[np.float32]:
    """Logits of an artifact in ONNX Runtime on the CPU; see `artifact_outputs`."""
    return np.concatenate(artifact_outputs(path, images, threads))


def artifact_outputs(path: Path, images: NDArray[np.float32], threads: int = 1) -> list[NDArray[np.float32]]:
    """The first output of floating-point numbers of an artifact in ONNX Runtime on the CPU, for each batch.

    Args:
        path: the ONNX file, with a static batch.
        images: float32 (N, 3, R, R), N a multiple of the batch; rounded for a float16 input.
        threads: intra-op threads.
    """
    session = _session(path, threads)
    source = session.get_inputs()[0]
    batches = images.reshape(-1, source.shape[0], *images.shape[1:])
    return _first_outputs(session, ({source.name: batch} for batch in batches))


def fed_outputs(path: Path, feeds: Iterable[Mapping[str, NDArray[Any]]]) -> list[NDArray[np.float32]]:
    """The first output of floating-point numbers of a graph in ONNX Runtime on the CPU, for each inference.

    Args:
        path: the ONNX file.
        feeds: the values of all inputs by name; float32 ones are rounded for a float16 input.
    """
    return _first_outputs(_session(path, 1), feeds)


def _session(path: Path, threads: int) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _first_outputs(session: InferenceSession, feeds: Iterable[Mapping[str, NDArray[Any]]]) -> list[NDArray[np.float32]]:
    halves = {source.name for source in session.get_inputs() if source.type == "tensor(float16)"}
    types = [output.type for output in session.get_outputs()]
    # Detectors have counts and indices beside their scores.
    chosen = next((index for index, kind in enumerate(types) if kind in _FLOATS), 0)
    found = []
    for feed in feeds:
        fitted = {name: value.astype(np.float16) if name in halves else value for name, value in feed.items()}
        found.append(session.run(None, fitted)[chosen].astype(np.float32, copy=False))
    return found


def as_rows(outputs: Sequence[NDArray[np.float32]], batch: int) -> NDArray[np.float32]:
    """Outputs of several batches as one row of numbers per image; per batch, if there is none for each image."""
    return np.concatenate([one.reshape(batch if one.ndim and one.shape[0] == batch else 1, -1) for one in outputs])


def measure(images: str, expected: NDArray[np.float32], actual: NDArray[np.float32]) -> Agreement:
    """The agreement of an artifact's logits (N, classes) with those that it should give.

    Raises:
        VerificationError: the shapes differ, or a value is not finite.
    """
    if not np.isfinite(actual).all():
        raise VerificationError(f"the converted graph yields NaN or infinity on {images} images; the network does not")
    if expected.shape != actual.shape:
        raise VerificationError(f"the graph's output has shape {actual.shape}, the network's {expected.shape}")
    return Agreement(
        images=images,
        count=len(expected),
        relative_l2=probe.relative_l2(actual, expected),
        max_abs=float(np.abs(actual - expected).max()),
        top1_agreement=float((actual.argmax(axis=1) == expected.argmax(axis=1)).mean()),
    )


def compare(images: str, expected: NDArray[np.float32], actual: NDArray[np.float32], tolerance: float) -> Agreement:
    """Compares logits (N, classes) of the native model and of the artifact.

    Raises:
        VerificationError: a value is not finite, the relative L2 error exceeds `tolerance`, or a top-1 class
            differs by more than rounding.
    """
    if not np.isfinite(expected).all():
        raise VerificationError(
            f"the network itself yields NaN or infinity on {images} images: check its weights before converting"
        )
    result = measure(images, expected, actual)
    error = result.relative_l2
    chosen = actual.argmax(axis=1)
    # A near tie may fall either way: relative to their range, the logits differ by no more than rounding.
    shortfall = expected.max(axis=1) - np.take_along_axis(expected, chosen[:, None], axis=1)[:, 0]
    if error > tolerance or (shortfall > tolerance * np.ptp(expected, axis=1)).any():
        raise VerificationError(
            f"the graph disagrees with the network on {images} images: relative L2 {error:.2e} "
            f"(allowed {tolerance:.0e}), top-1 agreement {result.top1_agreement:.0%}; "
            "for a PyTorch network, try the other exporter (--exporter)"
        )
    return result


def noise_images(
    source: str, resolution: int, preprocessing: Preprocessing, count: int = IMAGES
) -> tuple[str, NDArray[np.float32]]:
    """The noise that an artifact is verified on, and its name: the probe's input, or noise as a user network is fed.

    The probe's input has the range of normalised images, as all networks of the zoo take them. To a network of pixels
    of 0..255 it is black, and to one that takes their root it is none at all.

    Args:
        source: the source of the model.
        resolution: R in pixels.
        preprocessing: how images are prepared for the network.
        count: how many.

    Returns:
        `probe` or `noise`, and float32 (count, 3, R, R).
    """
    if source != SOURCE:
        return "probe", probe.images(resolution, count)
    return USER_NOISE, Normalisation.of(preprocessing).unit_range(pixel_noise(resolution, count))


def image_sets(card: ModelCard, count: int = IMAGES) -> list[tuple[str, NDArray[np.float32], float]]:
    """The images that an artifact is verified on: their name, `count` images, and the error allowed."""
    natural = Normalisation.of(card.preprocessing).unit_range(dead_leaves(card.resolution, count))
    return [
        (*noise_images(card.source, card.resolution, card.preprocessing, count), card.artifact_tolerance),
        ("natural", natural, probe.RUNTIME_TOLERANCE),
    ]


def verify(native: NativeModel, path: Path, batch: int) -> list[Agreement]:
    """Compares an artifact with its native model on an image of noise and on a photograph-like one.

    One of each, as a network of the zoo treats all images alike; a network of others is verified on two (`IMAGES`).
    Both go through the network at once.

    Raises:
        VerificationError: see `compare`.
    """
    sets = image_sets(native.card, count=1)
    images = np.concatenate([image for _, image, _ in sets])
    expected, actual = native.logits(images), artifact_logits(path, padded(images, batch))
    return [
        compare(name, expected[index : index + 1], actual[index : index + 1], tolerance)
        for index, (name, _, tolerance) in enumerate(sets)
    ]
