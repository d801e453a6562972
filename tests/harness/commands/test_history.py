"""`harness history` as it is called, and what it writes."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.__main__ import main
from harness.commands.history import _list, _show
from harness.commands.parser import parse
from harness.records.schema import COLUMN_NAMES

History = Callable[..., int]


@pytest.fixture
def history(store_path: Path) -> History:
    return lambda *words: main(["history", *words, "--store", str(store_path)])


@pytest.fixture
def filled(history: History, make_run, make_recorded_row, capsys: pytest.CaptureFixture[str]) -> History:
    """A history of twenty days in which `ofa/a` becomes 6 % slower on the eleventh and `ofa/b` once times out."""
    generator = np.random.default_rng(0)
    for day in range(20):
        level = 1.06 if day >= 10 else 1.0
        steady = list(np.exp(generator.normal(0, 0.008, 3)))
        other = (
            make_recorded_row("ofa/b", steady)
            if day != 5
            else make_recorded_row("ofa/b", [], status="timeout", reason="300 s | x")
        )
        sha256 = "bb" if day >= 10 else "aa"
        run = make_run(day, make_recorded_row("ofa/a", [level * one for one in steady], artifact_sha256=sha256), other)
        assert history("add", str(run), "--label", f"c{day}") == 0
    capsys.readouterr()
    return history


def test_adding_reports_what_became_of_the_run(history: History, make_run, make_recorded_row, capsys) -> None:
    run = str(make_run(1, make_recorded_row("ofa/a", [1.0, 1.01])))
    for told in ("added as run", "was already there; nothing changed"):
        assert history("add", run) == 0
        assert told in (line := capsys.readouterr().out)
        assert line.rstrip().endswith(": 1 run.")


def test_a_model_is_shown_with_its_change(filled: History, capsys) -> None:
    assert filled("ofa/a") == 0
    told = capsys.readouterr().out
    lines = told.splitlines()
    [changed] = [line for line in lines if " changed +" in line]
    assert changed.split()[:3] == ["2026-03-11", "03:00", "c10"]
    assert changed.endswith("; another artifact")
    assert "- ratio changed at 2026-03-11 03:00: +6." in told
    assert "ofa/b" not in told
    assert "at most 1 % have one called" in lines[-1]


def test_trials_of_another_model_are_remarked(history: History, make_run, make_recorded_row, capsys) -> None:
    ratios = [1.0, 1.01]
    rows = make_recorded_row("ofa/a", ratios), make_recorded_row("ofa/b", ratios, measured_as="ofa/a")
    history("add", str(make_run(1, *rows)))
    history("add", str(make_run(2, rows[0], {**rows[1], "measured_as": "", "artifact_sha256": "bb"})))
    capsys.readouterr()
    assert history("ofa/b") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("2026-")]
    assert [line.split("onnxruntime 1.30.0")[1].strip() for line in lines] == ["measured as ofa/a", "another artifact"]
    assert history("ofa/a") == 0
    assert "measured as" not in capsys.readouterr().out


def test_too_few_runs_are_reported(history: History, make_run, make_recorded_row, capsys) -> None:
    history("add", str(make_run(1, make_recorded_row("ofa/a", [1.0, 1.01]))))
    assert history("ofa/a") == 0
    assert "- 1 run: finding changes takes 8 or more" in capsys.readouterr().out


def test_a_failed_run_has_a_line(filled: History, capsys) -> None:
    assert filled("ofa/b") == 0
    told = capsys.readouterr().out
    assert "timeout: 300 s | x" in told
    assert "- no change in the ratio" in told


def test_the_markdown_goes_to_the_file_and_to_the_job(filled: History, tmp_path: Path, monkeypatch) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert filled("all", "--markdown", str(tmp_path / "out/history.md")) == 0
    told = (tmp_path / "out/history.md").read_text()
    assert summary.read_text().strip() == told.strip()
    assert told.index("### ofa/a (onnxruntime, fp32)") < told.index("### ofa/b")
    assert "<details><summary>20 runs</summary>" in told
    assert "timeout: 300 s \\| x |" in told


def test_runs_are_listed(filled: History, capsys) -> None:
    assert filled("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 21
    assert lines[6].split()[:3] == ["2026-03-06", "03:00", "c5"]
    assert "1 of 2" in lines[6]


def test_a_label_of_several_lines_is_one(history: History, make_run, make_recorded_row, capsys, tmp_path: Path) -> None:
    """As of `git log -1 --format=%B`, in whatever encoding."""
    run = str(make_run(1, make_recorded_row("ofa/a", [1.0, 1.01])))
    assert history("add", run, "--label", "a merge | <b>\n\nof \udcff two\n") == 0
    assert history("list") == 0
    assert "03:00  a merge | <b> of two  0123456789ab" in capsys.readouterr().out
    summary = tmp_path / "history.md"
    assert history("ofa/a", "--markdown", str(summary)) == 0
    assert "| a merge \\| &lt;b> of two |" in summary.read_text()


def test_every_row_is_exported(filled: History, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    assert filled("export", str(path)) == 0
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert tuple(rows[0]) == ("run_id", "label", "run_created_at", *COLUMN_NAMES)
    assert (rows[11]["label"], rows[11]["model"], rows[11]["status"]) == ("c5", "ofa/b", "timeout")


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_picture_is_the_same_for_the_same_history(filled: History, tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / "new" / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        assert filled("all", "--plot", str(path)) == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size > 5000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ofa/c"], "nearest: ofa/b, ofa/a; `history list`"),
        (["add", "nowhere"], "nowhere is not a run directory"),
        (["export", "/proc/nowhere/history.csv"], "cannot be written"),
    ],
)
def test_a_bad_request_is_one_line_and_2(filled: History, capsys, words: list[str], told: str) -> None:
    assert filled(*words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_missing_history_is_2(history: History, capsys) -> None:
    for words in (["all"], ["list"], ["export", "x.csv"]):
        assert history(*words) == 2
        assert "there is no history" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [[], ["add"], ["export"], ["all", "--last", "0"], ["all", "--plot", "x.txt"], ["list", "--plot", "x.svg"]]
)
def test_a_line_that_makes_no_sense_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["history", *words])
    assert ended.value.code == 2


def test_any_other_word_is_a_model() -> None:
    for words in (["ofa/*", "regnet"], ["show", "ofa/*", "regnet"]):
        parsed = parse(["history", *words, "--last", "30"]).options
        assert (parsed.does, parsed.models, parsed.last) == (_show, ["ofa/*", "regnet"], 30)
    assert parse(["history", "list"]).options.does == _list


def test_a_model_of_an_action_s_name_is_shown(history: History, make_run, make_recorded_row, capsys) -> None:
    rows = [make_recorded_row(f"own/{name}", [1.0, 1.01]) for name in ("list", "show")]
    assert history("add", str(make_run(1, *rows))) == 0
    capsys.readouterr()
    assert history("show", "list") == 0
    assert capsys.readouterr().out.startswith("own/list (")
    assert history("show", "show") == 0
    assert capsys.readouterr().out.startswith("own/show (")
    assert history("list") == 0
    assert capsys.readouterr().out.startswith("date ")
