"""`harness sweep` as it is called, on environments that only look like those of other versions."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from foundation.packages import package_version
from harness.__main__ import main
from harness.errors import InstallationError
from harness.records.series import Series
from harness.sweep import environments
from tests.harness.sweep.conftest import PretendEnvironment, change_with, pretend_environment

__all__ = ["change_with", "pretend_environment"]

ChangeWith = Callable[..., list[tuple[str, str]]]
VERSIONS = ("1.2.0", "1.10.0", "2.0.0")


@pytest.fixture(autouse=True)
def no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, package: str, version: str, log: Path, timeout_s: float) -> dict[str, str]:
        raise InstallationError(f"{package} {version} cannot be installed: pip could not reach a package index")

    monkeypatch.setattr(environments, "install", refuse)


@pytest.fixture
def run_directory(write_network: Callable[..., Path], tmp_path: Path) -> Path:
    """A run with two series; ofa/c has the artifact of ofa/a."""
    directory = tmp_path / "run"
    directory.mkdir()
    facts = []
    for model, shape, digest in (("a", 32, "d"), ("b", 16, "e"), ("c", 32, "d")):
        path = write_network(f"{model}.onnx", shape=[1, 3, shape, shape])
        one = Series(f"ofa/{model}", "ofa", model, "onnxruntime", "fp32", 1, artifact_path=str(path))
        facts.append({**one.to_json(), "artifact_sha256": ""} | ({"artifact_sha256": ""} if digest else {}))
    facts[2]["artifact_path"] = facts[0]["artifact_path"]
    (directory / "series.json").write_text(json.dumps(facts))
    return directory


@pytest.fixture
def command(tmp_path: Path, run_directory: Path) -> list[str]:
    words = ["sweep", "--package", "onnxruntime", "--artifacts", str(run_directory), "--threads", "1", "--seed", "1"]
    return [*words, "--cache-dir", str(tmp_path / "cache"), "--output", str(tmp_path / "sweep")]


def rows(tmp_path: Path) -> list[dict[str, str]]:
    with (tmp_path / "sweep" / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_first_version_from_which_a_series_is_slower_is_named(
    command: list[str],
    tmp_path: Path,
    pretend_environment: PretendEnvironment,
    change_with: ChangeWith,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for version in VERSIONS:
        pretend_environment(tmp_path / "cache", version)
    measured = change_with({"1.2.0": 4.0, "1.10.0": 4.4, "2.0.0": 4.4})
    data, junit = tmp_path / "sweep.json", tmp_path / "sweep.xml"
    assert main([*command, "--versions", "2.0.0,1.2.0,1.10.0", "--json", str(data), "--junit", str(junit)]) == 1
    told = capsys.readouterr().out
    # Two series, three comparisons: six screening pairs each, and 20 more for suspects.
    assert measured.count(("1.2.0", "1.10.0")) == measured.count(("1.2.0", "2.0.0")) == 2 * 26
    assert measured.count(("1.10.0", "2.0.0")) == 2 * 6
    assert "6 comparisons; 2 of 2 series slower from a version on: 4 regressed, 2 same (slower by more than" in told
    first, *_ = rows(tmp_path)
    assert (first["model"], first["version"], first["latency_ms"], first["verdict"]) == ("ofa/a", "1.2.0", "4.0", "")
    of_a = [one for one in rows(tmp_path) if one["model"] == "ofa/a"][1:]
    assert [(one["version"], one["compared_with"], one["comparison"], one["verdict"]) for one in of_a] == [
        ("1.10.0", "1.2.0", "neighbours", "regressed"),
        ("2.0.0", "1.10.0", "neighbours", "same"),
        ("2.0.0", "1.2.0", "whole", "regressed"),
    ]
    assert {one["slower_from"] for one in rows(tmp_path)} == {"1.10.0"}
    assert {one["measured_as"] for one in rows(tmp_path) if one["model"] == "ofa/c"} == {"ofa/a"}
    assert ElementTree.fromstring(junit.read_text()).get("failures") == "6"
    whole = json.loads(data.read_text())
    assert whole["versions"] == list(VERSIONS)
    assert len(whole["series"][0]["changes"][0]["result"]["log_ratios"]) == 20
    assert "| ofa/a (fp32) | 4 ms | +10.0 % (" in (tmp_path / "sweep" / "sweep.md").read_text()


def test_an_interrupted_sweep_resumes_and_takes_further_versions(
    command: list[str],
    tmp_path: Path,
    pretend_environment: PretendEnvironment,
    change_with: ChangeWith,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for version in VERSIONS:
        pretend_environment(tmp_path / "cache", version)
    times_ms = dict.fromkeys(VERSIONS, 4.0)
    ends = [*command, "--versions", "1.2.0,2.0.0"]
    change_with(times_ms, stop_at=9)
    assert main(ends) == 130
    assert "the same command resumes there" in capsys.readouterr().err
    measured = change_with(times_ms)
    assert main(ends) == 0
    assert measured == [("1.2.0", "2.0.0")] * 12
    # The pairs of the ends serve the larger sweep, in which each comparison has a smaller share of the error rate.
    assert main([*ends, "--versions", "1.10.0"]) == 0
    assert len(measured) == 36
    assert set(measured[12:]) == {("1.2.0", "1.10.0"), ("1.10.0", "2.0.0")}
    assert "already had all 12 pairs" in capsys.readouterr().err


def test_a_version_that_is_missing_has_its_reason_and_is_compared_across(
    command: list[str],
    tmp_path: Path,
    pretend_environment: PretendEnvironment,
    change_with: ChangeWith,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for version in ("1.2.0", "2.0.0"):
        pretend_environment(tmp_path / "cache", version)
    pretend_environment(tmp_path / "cache", "1.5.0", runs="2.0.0")
    change_with(dict.fromkeys(VERSIONS, 4.0))
    assert main([*command, "--models", "ofa/b", "--versions", "1.2.0,1.5.0,1.10.0,2.0.0"]) == 3
    told = capsys.readouterr().out
    assert "1.10.0: onnxruntime 1.10.0 cannot be installed: pip could not reach a package index. In the cache: " in told
    assert "1.5.0: onnxruntime 1.5.0 cannot be measured: its environment runs onnxruntime 2.0.0" in told
    assert " same from 1.2.0" in told
    assert [(one["version"], one["verdict"], one["compared_with"]) for one in rows(tmp_path)] == [
        ("1.2.0", "", ""),
        ("1.5.0", "not measured", ""),
        ("1.10.0", "not measured", ""),
        ("2.0.0", "same", "1.2.0"),
    ]


def test_a_file_that_a_version_cannot_read_is_compared_across_it(
    command: list[str],
    tmp_path: Path,
    pretend_environment: PretendEnvironment,
    change_with: ChangeWith,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for version in VERSIONS:
        refuses = "Unsupported model IR version: 13" if version == "1.10.0" else ""
        pretend_environment(tmp_path / "cache", version, refuses=refuses)
    measured = change_with(dict.fromkeys(VERSIONS, 4.0))
    assert main([*command, "--versions", ",".join(VERSIONS)]) == 3
    told = capsys.readouterr()
    assert "Unsupported model IR version: 13" in told.out
    assert set(measured) == {("1.2.0", "2.0.0")}
    # What was opened once is not opened again.
    checks = (tmp_path / "sweep" / "checks.jsonl").read_text()
    assert main([*command, "--versions", ",".join(VERSIONS)]) == 3
    assert (tmp_path / "sweep" / "checks.jsonl").read_text() == checks
    assert len(checks.splitlines()) == 2 * 2


def test_small_changes_add_up(
    command: list[str],
    tmp_path: Path,
    pretend_environment: PretendEnvironment,
    change_with: ChangeWith,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for version in VERSIONS:
        pretend_environment(tmp_path / "cache", version)
    # 0.4 % each is tolerated, 0.8 % together is not.
    change_with({"1.2.0": 4.0, "1.10.0": 4.016, "2.0.0": 4.032})
    assert main([*command, "--models", "ofa/b", "--versions", ",".join(VERSIONS)]) == 1
    assert "slower with 2.0.0 than with 1.2.0, by changes too small to be named" in capsys.readouterr().out


def test_a_real_pair_of_two_environments(
    command: list[str], tmp_path: Path, pretend_environment: PretendEnvironment
) -> None:
    pretend_environment(tmp_path / "cache", "1.2.0")
    quick = ["--pairs", "1", "--block-ms", "2", "--block-groups", "1", "--models", "ofa/b"]
    assert main([*command, *quick, "--versions", "1.2.0,installed"]) == 3
    installed = package_version("onnxruntime")
    _, second = rows(tmp_path)
    assert (second["version"], second["compared_with"], second["verdict"]) == (installed, "1.2.0", "inconclusive")
    assert float(second["latency_ms"]) > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--versions", "1.2.0"], "give two or more versions"),
        (["--versions", "1.2.0,2.0.0", "--confirm-pairs", "5"], "--confirm-pairs 5 can call nothing among 1 series"),
        (["--versions", "1.2.0,2.0.0", "--precision", "int8"], "has no such series in this precision and batch"),
        (["--versions", "1.2.0,2.0.0", "--models", "ofa/x"], "ofa/x"),
    ],
)
def test_a_bad_request_starts_nothing(
    command: list[str], words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *words]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "cache" / "runtimes").exists()


def test_environments_are_forgotten_on_request(
    tmp_path: Path, pretend_environment: PretendEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in VERSIONS:
        pretend_environment(tmp_path, version)
    words: list[Any] = ["sweep", "--package", "onnxruntime", "--forget", "--cache-dir", str(tmp_path)]
    assert main([*words, "--versions", "2.0"]) == 0
    assert "1 environment removed" in capsys.readouterr().err
    assert main(words) == 0
    assert "2 environments removed" in capsys.readouterr().err
    assert main(words) == 0
    assert "0 environments removed" in capsys.readouterr().err
