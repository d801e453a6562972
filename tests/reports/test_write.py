"""The report files of a run directory."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from foundation.published_latency import PublishedLatency
from harness.errors import StorageError
from harness.records.directory import RunDirectory, load_series
from harness.records.series import Series
from reports.write import write_reports
from tests.fakes.trials import ok_trial

HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None


@dataclasses.dataclass(frozen=True)
class Environment:
    environment_id: str = "e1"
    device: str = "a processor, 2 threads"

    def to_json(self) -> dict[str, Any]:
        return {"threads": 2}


TRIAL = ok_trial()


def _run(path: Path, batches: tuple[int, ...] = (1,), accuracy_percent: float | None = 75.0) -> Path:
    with RunDirectory.open(path, environments={"onnxruntime": Environment()}, settings={"rounds": 1}) as run:
        series = [
            Series(
                model="a/x",
                source="a",
                variant="x",
                backend="onnxruntime",
                precision="fp32",
                batch=batch,
                classes=1000,
                weights="probe",
                accuracy_published_top1_percent=accuracy_percent,
                artifact_sha256="x" * 64,
                artifact_path="x.onnx",
                artifact_mib=1.0,
            )
            for batch in batches
        ]
        run.set_series(series)
        for facts in series:
            run.append(facts.key, 0, TRIAL)
    return path


@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="pictures need the extra `report`")
def test_a_run_gets_its_table_and_pictures(tmp_path: Path) -> None:
    written = write_reports(_run(tmp_path))
    assert [path.name for path in written.paths] == ["results.md", "report.html", "frontier.svg", "frontier.png"]
    assert written.notes == []
    report = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "![Latency against accuracy](frontier.svg)" in report
    assert "1 of 1 rows rest on a single trial" in report
    caption = "a processor, 2 threads, onnxruntime 1.30.0, fp32, seeded weights, training data not known, 2026-01-31"
    assert caption in " ".join((tmp_path / "frontier.svg").read_text(encoding="utf-8").split())


def test_published_latencies_of_a_run_are_in_both_reports(tmp_path: Path) -> None:
    directory = _run(tmp_path)
    (series,) = load_series(directory).values()
    figure = PublishedLatency("a phone", 22.0, "README.md")
    with RunDirectory.open(directory, environments={"onnxruntime": Environment()}, settings={"rounds": 1}) as run:
        run.set_series([dataclasses.replace(series, latencies_published=(figure,), searched_for="a phone")])
    write_reports(directory)
    assert "### Published latency beside measured" in (directory / "results.md").read_text(encoding="utf-8")
    assert '"published_on":"a phone"' in (directory / "report.html").read_text(encoding="utf-8")


@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="pictures need the extra `report`")
def test_each_batch_size_gets_a_picture(tmp_path: Path) -> None:
    names = [path.name for path in write_reports(_run(tmp_path, batches=(1, 8))).paths]
    assert [name for name in names if name.endswith(".svg")] == ["frontier.svg", "frontier-b8-host.svg"]


@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="pictures need the extra `report`")
def test_each_runtime_and_precision_gets_a_picture(tmp_path: Path) -> None:
    names = ("onnxruntime", "openvino")
    environments = {name: Environment(f"e-{name}") for name in names}
    with RunDirectory.open(tmp_path, environments=environments, settings={"rounds": 1}) as run:
        series = [
            Series(
                f"a/{variant}", "a", variant, name, precision, 1, classes=1000, accuracy_published_top1_percent=75.0,
                weights="probe", artifact_sha256=f"{variant}{precision}", artifact_path="x.onnx", artifact_mib=1.0,
            )
            for name in names
            for precision in ("fp32", "int8")
            for variant in "xyz"
        ]  # fmt: skip
        run.set_series(series)
        for facts in series:
            run.append(facts.key, 0, TRIAL)
    written = [path.name for path in write_reports(tmp_path).paths]
    assert [name for name in written if not name.endswith(".png")] == [
        "results.md",
        "runtimes.csv",
        "report.html",
        "frontier.svg",
        "frontier-onnxruntime-int8.svg",
        "frontier-openvino-fp32.svg",
        "frontier-openvino-int8.svg",
    ]


def test_without_matplotlib_the_table_is_written_and_a_note_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = _run(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    written = write_reports(directory)
    assert [path.name for path in written.paths] == ["results.md", "report.html"]
    assert "matplotlib is not installed" in written.notes[0]
    assert "frontier.svg" not in (directory / "results.md").read_text(encoding="utf-8")


def test_without_accuracy_a_note_says_why_there_is_no_picture(tmp_path: Path) -> None:
    written = write_reports(_run(tmp_path, accuracy_percent=None))
    assert [path.name for path in written.paths] == ["results.md", "report.html"]
    assert written.notes


def test_another_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is not a run directory"):
        write_reports(tmp_path)
