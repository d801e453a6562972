"""What the command line does with bundles: `convert --export DIR` and `run --artifacts DIR`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from foundation.units import BYTES_PER_MIB
from foundation.wording import counted
from harness.artifacts.bundle import read_bundle
from harness.artifacts.bundle_writer import BundleWriter
from harness.artifacts.request import ArtifactRequest
from harness.records.series import Series
from harness.text.progress import Progress


def export(series: Sequence[Series], writer: BundleWriter, say: Callable[[str], None]) -> dict[str, Path]:
    """Put every series into the bundle and tell its size.

    Returns:
        The artifact's path in the bundle by the key of the series, of those that have one.

    Raises:
        BundleError: the bundle holds other artifacts of these models, or cannot be written.
    """
    from zoo.catalog.reader import all_cards
    from zoo.selection import suites_of

    writer.check(series)
    paths: dict[str, Path] = {}
    with Progress("export", len(series)) as progress:
        for facts in series:
            copied = writer.add(facts, suites_of(facts.model, all_cards()))
            path = writer.artifact_path(facts)
            if path:
                paths[facts.key] = path
            how = "copied" if copied else "was there" if path else facts.status
            progress.step(f"{facts.model}: {how}", problem=path is None)
    size_mib = sum(file.size_bytes for file in writer.bundle.files()) / BYTES_PER_MIB
    say(f"{counted(len(writer.bundle.models), 'model')}, {size_mib:.0f} MiB in {writer.bundle.directory}")
    return paths


def how_to_measure(directory: Path, request: ArtifactRequest) -> str:
    """The next step, with the command that measures on the other machine what was exported here."""
    options = ""
    if request.precision != ArtifactRequest.precision:
        options += f" --precision {request.precision}"
    if request.batch != ArtifactRequest.batch:
        options += f" --batch {request.batch}"
    return (
        "next: copy the folder to the machine that measures (docs/thin_machines.md), and there:\n"
        f"  python -m harness run --artifacts {directory.resolve().name}{options}"
    )


def plan_lines(request: ArtifactRequest) -> list[str]:
    """What a run over the bundle would measure, a line a series; no file but the index is read.

    Raises:
        BundleError: see `Bundle.select`.
    """
    assert request.artifacts
    bundle = read_bundle(request.artifacts)
    chosen = bundle.select(request.models, request.precision, request.batch)
    lines = [
        f"{model.facts['model']}  {model.artifact.path if model.artifact else 'not converted'}" for model in chosen
    ]
    return lines + [f"{path}  as it is" for path in request.onnx_files]
