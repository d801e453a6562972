"""`harness compare` as it is called, and what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.__main__ import main

MakeRow = Callable[..., dict[str, Any]]
WriteRun = Callable[..., Path]

STEADY = [1.0, 1.002, 0.999, 1.001, 0.998]


@pytest.fixture
def runs(write_run: WriteRun, make_row: MakeRow) -> list[str]:
    """Two runs of which one series of three is 10 % slower, and one failed."""
    slower = [1.1 * ratio for ratio in STEADY]
    base = write_run("base", *(make_row(name, STEADY) for name in ("ofa/a", "ofa/b", "ofa/c")))
    new = write_run(
        "new",
        make_row("ofa/a", STEADY[::-1]),
        make_row("ofa/b", slower),
        make_row("ofa/c", [], status="timeout", reason="300 s"),
    )
    return [str(base), str(new)]


def test_a_regression_is_reported_and_decides_the_exit_code(
    runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *runs]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["regressed", "ofa/b"]
    assert "+10.0 %" in lines[1]
    assert "1 regressed, 1 not measured, 1 same of 3 series" in lines[-1]


def test_a_run_against_itself_is_clean(runs: list[str]) -> None:
    assert main(["compare", runs[0], runs[0]]) == 0


def test_a_bad_request_is_one_line_and_2(tmp_path: Path, runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", runs[0], str(tmp_path / "nowhere")]) == 2
    told = capsys.readouterr().err
    assert "nowhere" in told
    assert "Traceback" not in told


def test_the_files_say_the_same(runs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "step-summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    names = {kind: tmp_path / f"out/{kind}" for kind in ("markdown", "junit", "json")}
    main(["compare", *runs, *(word for kind, path in names.items() for word in (f"--{kind}", str(path)))])
    assert summary.read_text().strip() == names["markdown"].read_text().strip()
    assert "| regressed | ofa/b (onnxruntime, fp32) | +10.0 % |" in names["markdown"].read_text()
    suite = ElementTree.fromstring(names["junit"].read_text())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    series = json.loads(names["json"].read_text())["series"]
    assert [one["verdict"] for one in series] == ["same", "regressed", "not measured"]


def test_odd_names_and_a_crashs_last_words_break_no_file(
    write_run: WriteRun, make_row: MakeRow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """ONNX Runtime colours its messages, which XML cannot hold, and a crash's reason has many lines."""
    name = 'onnx/a|b <i>é</i> "q" & `c`\nd'
    reason = "crashed. It said: \x1b[0;93m[W:onnxruntime]\x1b[m first | one\nsecond </details>\x07"
    base = write_run("base", make_row(name, STEADY), make_row("ofa/c", STEADY))
    new = write_run("ne\udcff|w", make_row(name, STEADY), make_row("ofa/c", [], status="failed", reason=reason))
    files = {kind: tmp_path / kind for kind in ("markdown", "junit")}
    assert main(["compare", str(base), str(new), *(f"--{kind}={path}" for kind, path in files.items())]) == 3
    told = capsys.readouterr().out
    assert "crashed. It said: [W:onnxruntime] first | one second </details>\n" in told
    cases = ElementTree.fromstring(files["junit"].read_text()).findall("testcase")
    assert [case.get("name", "").split(" (onnx")[0] for case in cases] == [name.replace("\n", " "), "ofa/c"]
    lines = files["markdown"].read_text().splitlines()
    assert lines[0] == f"## Latency: {tmp_path}/ne\\|w against {tmp_path}/base"
    assert lines.count("</details>") == 1
    rows = [line for line in lines if line.startswith("| ") and "---" not in line]
    assert [row.replace("\\|", "").count("|") for row in rows] == [8] * 4


def test_rows_that_share_trials_repeat_one_verdict(
    write_run: WriteRun, make_row: MakeRow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = [
        write_run(
            name,
            make_row("ofa/a", ratios),
            make_row("ofa/b", ratios, measured_as="ofa/a"),
            make_row("ofa/c", STEADY),
            make_row("ofa/d", STEADY, measured_as="ofa/c"),
        )
        for name, ratios in (("base", STEADY), ("new", [1.1 * ratio for ratio in STEADY]))
    ]
    files = {kind: tmp_path / kind for kind in ("markdown", "junit", "json")}
    command = ["compare", *map(str, sides), *(f"--{kind}={path}" for kind, path in files.items())]
    assert main(command) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["regressed", "ofa/a"],
        ["regressed", "ofa/b"],
        ["same", "ofa/c"],
        ["same", "ofa/d"],
    ]
    assert [line.endswith("measured as ofa/a") for line in lines[1:3]] == [False, True]
    assert lines[-1].startswith("1 regressed, 1 same of 2 series; 2 more measured as one of these (slower by")
    folded = files["markdown"].read_text().split("<details>")[1]
    assert "2 series without a slow-down" in folded
    assert "measured as ofa/c" in folded
    cases = ElementTree.fromstring(files["junit"].read_text()).findall("testcase")
    failures = [case.find("failure") for case in cases]
    assert [
        failure.get("message", "").endswith("measured as ofa/a") for failure in failures if failure is not None
    ] == [
        False,
        True,
    ]
    found = json.loads(files["json"].read_text())["series"]
    assert [(one["verdict"], one["measured_as"]) for one in found] == [
        ("regressed", ""),
        ("regressed", "ofa/a"),
        ("same", ""),
        ("same", "ofa/c"),
    ]


def test_a_changed_machine_is_reported(
    write_run: WriteRun, make_row: MakeRow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = write_run("base", make_row("ofa/a", [1.0, 1.01, 0.99]))
    new = write_run("new", make_row("ofa/a", [1.05, 1.06, 1.04], reference_trials_ms="4.4 4.4 4.4"))
    markdown = tmp_path / "summary.md"
    assert main(["compare", str(base), str(new), "--markdown", str(markdown)]) == 3
    told = "the reference network was 10.0 % slower in the second run. Equal artifacts then differ by +-4.9 %"
    assert told in capsys.readouterr().out
    assert told in markdown.read_text()


@pytest.mark.parametrize("option", [["--margin", "-1"], ["--error-rate", "0"], ["--threshold", "three"]])
def test_an_impossible_rule_is_refused(runs: list[str], option: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["compare", *runs, *option])
    assert ended.value.code == 2


def test_a_fault_of_the_harness_is_not_a_regression(tmp_path: Path) -> None:
    """Python ends with 1 after a traceback, which in CI would read as a series that regressed."""
    (tmp_path / "sitecustomize.py").write_text(
        "import dataclasses\nfrom harness.commands import compare\n"
        "def fault(arguments): raise RuntimeError('a fault')\n"
        "compare.COMPARE = dataclasses.replace(compare.COMPARE, run=fault)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[3]}"}
    ended = subprocess.run(
        [sys.executable, "-m", "harness", "compare", "a", "b"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 70
    assert "RuntimeError: a fault" in ended.stderr


def test_a_summary_that_cannot_be_written_is_reported(
    runs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert main(["compare", *runs]) == 2
    assert "cannot be written" in capsys.readouterr().err
