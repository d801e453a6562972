"""Compares what a runtime computes with what ONNX Runtime computes of the same file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters.errors import VerificationError
from converters.inputs import FeedSet, agreements_of, expected_rows_of
from converters.verify import Agreement, as_rows
from foundation.wording import first_line
from harness.artifacts.file_agreement import ComparedOn, FileAgreement, input_sets, rounded
from harness.backends.session import Session
from harness.errors import ArtifactError, FallbackError, HarnessError, UnsupportedError
from harness.machine.gpu.settings import GpuSettings
from harness.records.series import Series
from zoo.probe import RUNTIME_TOLERANCE

_THREADS = 1
"""How many compute it changes the order of a sum at most."""

_JUDGED = "fp32"
"""The precision in which two runtimes must agree; in others each rounds in its own places."""


def agree_with_onnxruntime(series: Sequence[Series], on: ComparedOn) -> Iterator[FileAgreement]:
    """How the outputs of each series' backend agree with those of ONNX Runtime, on the processor.

    A network in fp32 must agree within `RUNTIME_TOLERANCE`, relative L2, which nothing that computes in fewer bits
    does. In other precisions the difference is stated.

    Args:
        series: artifacts, each with the backend that it is compared on.
        on: what they compute on.

    Raises:
        HarnessError: images are given for a network that takes none.
    """
    for one in series:
        yield _agreement(one, on)


def _agreement(series: Series, on: ComparedOn) -> FileAgreement:
    name = f"{series.model} in {series.precision} on {series.backend}"
    if series.status != "ok":
        return FileAgreement(name, series.status, series.reason)
    unreadable: list[str] = []
    sets = list(input_sets(series, on, unreadable))
    try:
        found = _compared(series, sets)
    except VerificationError as error:
        return FileAgreement(name, "differs", str(error))
    except UnsupportedError as error:
        return FileAgreement(name, "unsupported", str(error))
    except (ArtifactError, FallbackError) as error:
        return FileAgreement(name, "failed", str(error))
    except HarnessError:
        raise
    except Exception as error:
        # What a runtime raises is its own.
        return FileAgreement(name, "failed", f"{type(error).__name__}: {first_line(error)}")
    far = max(found, key=lambda one: one.relative_l2)
    differs = series.precision == _JUDGED and far.relative_l2 > RUNTIME_TOLERANCE
    return FileAgreement(
        name,
        "differs" if differs else "ok",
        f"more than {RUNTIME_TOLERANCE:.0e} from ONNX Runtime's outputs of the same file" if differs else "",
        tuple(found),
        series.classes is not None,
        tuple(unreadable),
    )


def _compared(series: Series, sets: Sequence[FeedSet]) -> list[Agreement]:
    """The agreement on each set of inputs.

    Raises:
        VerificationError: shapes differ, or a value is not finite.
        ArtifactError, UnsupportedError, FallbackError: see `Session.start`.
    """
    with tempfile.TemporaryDirectory(prefix="baseline-zoo-") as folder:
        path = rounded(series, Path(folder))
        expected = expected_rows_of(sets, path, series.batch)
    with series.target(_THREADS, GpuSettings(), Path()).open() as session:
        return agreements_of(sets, expected, [session_rows(session, one, series.batch) for one in sets])


def session_rows(session: Session, fed: FeedSet, batch: int) -> NDArray[np.float32]:
    """What a session yields, as `converters.inputs.rows_of` has it of ONNX Runtime.

    Args:
        session: one that may be started already.
        fed: the inputs; those of other types are cast.
        batch: images in an inference.

    Returns:
        float32, a row for each image, or for each inference if the output has none for each image.

    Raises:
        ArtifactError, FallbackError: see `Session.start`.
    """
    found = []
    for feed in fed.feeds:
        # `start` proves each time that the network ran where and how it was asked to.
        session.start({spec.name: feed[spec.name].astype(spec.dtype, copy=False) for spec in session.inputs})
        outputs = list(session.outputs().values())
        chosen = next((one for one in outputs if one.dtype.kind == "f"), outputs[0])
        found.append(chosen.astype(np.float32, copy=False))
    return as_rows(found, batch)[: fed.count]


def summary(found: Sequence[FileAgreement], runtime: str) -> str:
    """One line: how many are ok, and the farthest of those that could be compared."""
    ok = sum(one.status == "ok" for one in found)
    text = f"{runtime}: {ok:,} of {len(found):,} ok"
    measured = [(max(each.relative_l2 for each in one.agreements), one.name) for one in found if one.agreements]
    if not measured:
        return text
    error, name = max(measured)
    return f"{text}; the largest relative L2 from ONNX Runtime is {error:.1e}, of {name}"
