"""The native network that an artifact was exported from, built again from what the artifact says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.vocabulary import METADATA_PREFIX, PROBE, RELEASE, RELEASED
from harness.errors import UnsupportedError
from harness.files.onnx_graph import OnnxGraph

if TYPE_CHECKING:
    from zoo.native import NativeModel

_OTHERWISE = "Measure it on another backend"


def stated_origin(graph: OnnxGraph, artifact: Path, framework: str) -> dict[str, Any]:
    """What the artifact says it was exported from.

    Args:
        graph: the artifact's graph.
        artifact: its path, for messages.
        framework: the framework that is to run the network: `pytorch` or `tensorflow`.

    Raises:
        UnsupportedError: it does not say so, or it is not a network of the zoo or of a library in this framework. A
            user's code is never imported because a file names it.
    """
    text = graph.metadata.get(METADATA_PREFIX + "provenance")
    if text is None:
        raise UnsupportedError(
            f"{artifact} does not say which network it was exported from, so {framework} cannot run that. {_OTHERWISE}."
        )
    made: dict[str, Any] = json.loads(text)
    if "release" not in made or ":" in made["models"][0]:
        raise UnsupportedError(
            f"{artifact} is of {made['models'][0]}, a user's network, whose code is not run because a file names it. "
            f"{_OTHERWISE}."
        )
    if made["release"]["framework"] != framework:
        raise UnsupportedError(
            f"{made['models'][0]} is a network of {made['release']['framework']}, not of {framework}: "
            f"--backend {made['release']['framework']}."
        )
    if made["implementation"] == RELEASE:
        raise UnsupportedError(f"{artifact} was exported from the release's own code. {_OTHERWISE}.")
    return made


def rebuilt(made: dict[str, Any], cache_dir: Path) -> NativeModel:
    """The network with exactly the weights that the artifact has.

    Args:
        made: from `stated_origin`.
        cache_dir: holds the released checkpoints; `Path()` for the user's cache. Nothing is fetched.

    Raises:
        UnsupportedError: the network cannot be built here, or its weights are not available.
    """
    import zoo
    from zoo.checkpoints import FetchError, FetchSettings
    from zoo.errors import ZooError

    model, kind = made["models"][0], made["weights"]["kind"]
    if kind not in (PROBE, RELEASED):
        raise UnsupportedError(f"{model} has weights of a file, which is not part of the artifact. {_OTHERWISE}.")
    settings = FetchSettings(cache_dir=None if cache_dir == Path() else cache_dir, offline=True)
    try:
        native = zoo.load(model, kind, settings=settings)
    except (ZooError, FetchError) as error:
        raise UnsupportedError(f"{model} cannot be built again: {error}") from error
    if native.weights_sha256() != made["weights"]["sha256"]:
        raise UnsupportedError(
            f"{model} has other weights here than the artifact, which was recalibrated on images, or exported with "
            "other versions. Convert it again."
        )
    return native
