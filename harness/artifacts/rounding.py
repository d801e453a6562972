"""A float16 network as float16 kernels would compute it, on a processor that has none."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path

from foundation.wording import cause, one_line
from harness import backends
from harness.errors import ArtifactError
from harness.processes.target import Target, check_artifact

COMPUTED_IN = "float32, each result rounded to float16"
"""How the graph that rounds computes, in the words of the column `accuracy_computed_in`."""

_PACKAGE = "onnx"

NEEDS_ONNX = (
    f"this processor has no float16 kernels, and the graph that rounds in their place is made with {_PACKAGE}, which "
    f"is not installed: pip install {_PACKAGE}"
)


def rounds_by_itself(network: Target) -> bool:
    """Whether the network's runtime rounds to the requested precision here, or is not asked to."""
    return network.precision != "fp16" or backends.get(network.backend).rounds_float16()


def can_be_rounded() -> bool:
    """Whether the package that makes the graph is installed."""
    return importlib.util.find_spec(_PACKAGE) is not None


@contextlib.contextmanager
def rounded(network: Target) -> Iterator[Target]:
    """The network as a graph in float32 that rounds each result to float16; its file exists within the context.

    It is for what a network computes, never for how long that takes: the casts cost more than float16 saves.

    Args:
        network: a float16 artifact.

    Raises:
        ArtifactError: the artifact changed or cannot be read, or no such graph can be made of it.
    """
    check_artifact(Path(network.artifact), network.sha256)
    with tempfile.TemporaryDirectory(prefix="rounding-") as folder:
        path = Path(folder, Path(network.artifact).name)
        _write(Path(network.artifact), path)
        yield dataclasses.replace(network, artifact=str(path), sha256="", precision="fp32")


def _write(source: Path, target: Path) -> None:
    import onnx

    from converters.errors import ConversionError
    from converters.rounding import with_rounding

    try:
        onnx.save(with_rounding(onnx.load(source)), target)
    except (ConversionError, ValueError) as error:
        raise ArtifactError(
            f"{source}: float16 cannot be rounded on this processor: {one_line(str(error))}. Evaluate it on a device "
            "with float16 kernels, or in fp32."
        ) from error
    except OSError as error:
        raise ArtifactError(f"{source}: the graph that rounds cannot be written: {cause(error)}") from error
