"""From an ONNX file to a compiled network, or to a message that says what is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from foundation.wording import counted, listed, one_line
from harness.backends.openvino import settings
from harness.backends.openvino.library import load
from harness.errors import ArtifactError, UnsupportedError

_LACKING = re.compile(r"No conversion rule found for operations: (?P<operators>[^\n]+)")
_UNREADABLE = "Unable to read the model"
_PLACES = re.compile(r"(?:Exception from|Check '.*?' failed at) \S+:\d+:?")
"""Where in its sources OpenVINO noticed it."""


def compiled_network(artifact: Path, precision: str, threads: int, *, profiled: bool = False) -> Any:
    """The network of a file, compiled as `settings.properties` says, which is read back.

    Args:
        artifact: the ONNX file.
        precision: what it is computed in, in this project's words.
        threads: threads of an inference.
        profiled: whether each layer is timed too.

    Raises:
        ArtifactError: the file cannot be read.
        UnsupportedError: OpenVINO lacks an operator, or did not take a property.
    """
    wanted = settings.properties(threads, precision)
    core = load().Core()
    try:
        network = core.read_model(str(artifact))
        compiled = core.compile_model(network, settings.DEVICE, {**wanted, "PERF_COUNT": profiled})
    except RuntimeError as error:
        raise _explained(error, artifact) from error
    settings.check(compiled, wanted)
    return compiled


def _explained(error: RuntimeError, artifact: Path) -> Exception:
    text = str(error)
    if match := _LACKING.search(text):
        operators = sorted(match["operators"].replace(",", " ").split())
        return UnsupportedError(
            f"This OpenVINO lacks {counted(len(operators), 'operator')} of {artifact}: {listed(operators)}. "
            "Export it with standard operators, or measure it with --backend onnxruntime."
        )
    if _UNREADABLE in text:
        return ArtifactError(
            f"OpenVINO cannot read {artifact} as ONNX; it may be truncated, or in another format. "
            "Convert the model again, or copy the file again."
        )
    return UnsupportedError(f"OpenVINO cannot compile {artifact}: {one_line(_PLACES.sub('', text))}")
