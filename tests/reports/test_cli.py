"""`python -m reports` from outside."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reports.cli import main
from tests.fakes.published import stated

MakeRun = Callable[..., Path]

HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None


@pytest.mark.parametrize(
    ("command", "name", "begins"),
    [
        (["html"], "r.html", "<!doctype html>"),
        (["markdown"], "r.md", "# Latency against accuracy"),
        (["csv"], "r.csv", "model,source"),
        (["csv", "--timm"], "results-timm.csv", "model,top1"),
        pytest.param(
            ["plot"], "r.svg", "<?xml", marks=pytest.mark.skipif(not HAS_MATPLOTLIB, reason="needs matplotlib")
        ),
    ],
)
def test_each_command_writes_its_file_and_prints_the_path(
    two_runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], name: str, begins: str
) -> None:
    path = tmp_path / name
    assert main([*command, *map(str, two_runs), "-o", str(path)]) == 0
    assert path.read_text(encoding="utf-8").startswith(begins)
    assert capsys.readouterr().out.splitlines() == [str(path)]


def test_markdown_goes_to_standard_output_unless_a_file_is_given(
    two_runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["markdown", *map(str, two_runs)]) == 0
    printed = capsys.readouterr().out
    assert "## a processor" in printed
    assert "## a GPU" in printed


def test_markdown_has_the_latencies_that_the_releases_state(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run("one", [{"model": "s/a", "latency_median_ms": 4.0}])
    (run / "series.json").write_text(json.dumps([one.to_json() for one in stated("a phone", {"a": 22.5}).values()]))
    assert main(["markdown", str(run)]) == 0
    assert "| a phone, TensorRT 8, batch 1 | `a` | 22.5 | 1 | 4.000 | 1 |" in capsys.readouterr().out


@pytest.mark.parametrize(("options", "on_it"), [([], "usual"), (["--training", "any"], "more")])
def test_the_frontier_is_among_the_networks_that_are_asked_for(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], on_it: str
) -> None:
    def row(name: str, latency_ms: float, percent: float, data: str) -> dict[str, object]:
        accuracy = {"accuracy_published_top1_percent": percent, "accuracy_published_training_data": data}
        return {"model": f"a/{name}", "latency_median_ms": latency_ms, **accuracy}

    rows = [row("usual", 5.0, 75.0, "ImageNet-1k"), row("more", 4.0, 80.0, "ImageNet-1k + ImageNet-12k")]
    run = make_run("one", rows)
    assert main(["markdown", str(run), *options]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "| ★ |" in line]
    assert f"`a/{on_it}`" in line
    page = tmp_path / "page.html"
    assert main(["html", str(run), *options, "-o", str(page)]) == 0
    assert f'"training":"{"any" if options else "imagenet-1k"}"' in page.read_text(encoding="utf-8")


@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="needs matplotlib")
def test_a_picture_among_any_networks_says_so(make_run: MakeRun, tmp_path: Path) -> None:
    row = {"latency_median_ms": 5.0, "accuracy_published_top1_percent": 75.0}
    run = make_run("one", [{"model": "a/x", **row, "accuracy_published_training_data": "ImageNet-1k"}])
    for options, entry in (([], "frontier, ImageNet-1k alone"), (["--training", "any"], "frontier, any training data")):
        picture = tmp_path / "picture.svg"
        assert main(["plot", str(run), *options, "-o", str(picture)]) == 0
        assert f"<!-- {entry} -->" in picture.read_text(encoding="utf-8")


def test_runs_of_one_environment_are_merged_with_a_note(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [make_run(name, [{"model": f"a/{name}", "latency_median_ms": 5.0}]) for name in ("one", "two")]
    assert main(["markdown", *map(str, runs)]) == 0
    printed = capsys.readouterr()
    assert "note: one, two are from one environment" in printed.err
    assert printed.out.count("## a processor") == 1


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda run: (run / "run.json").unlink(), "is not a run directory"),
        (lambda run: (run / "run.json").write_text("{"), "is damaged"),
        (lambda run: (run / "results.csv").write_text("a,b\n1,2\n"), "does not have the columns of schema version"),
        (lambda run: (run / "results.csv").write_bytes(b"\xff\xfe\x00"), "is not a text file"),
        (lambda run: (run / "results.csv").write_text(""), "does not have the columns"),
        (lambda run: _edit(run, "1.5,", "fast,"), "results.csv:2 is damaged"),
        (lambda run: _edit(run, "1.695", "nan"), "results.csv:3 is damaged"),
        (lambda run: _edit(run, ",1,ok", ",1.5,ok"), "results.csv:2 is damaged"),
        (lambda run: _edit(run, ",1,ok", ",ok"), "results.csv:2 is damaged"),
        (lambda run: _edit(run, ",2026-01-31T12:00:00+00:00,", ",yesterday,"), "is damaged"),
    ],
)
def test_bad_input_is_explained_without_a_traceback(
    two_runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], says: str
) -> None:
    damage(two_runs[0])
    path = tmp_path / "r.html"
    assert main(["html", *map(str, two_runs), "-o", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert says in error
    assert not path.exists()


def _edit(run: Path, old: str, new: str) -> None:
    table = run / "results.csv"
    text = table.read_text(encoding="utf-8")
    assert old in text
    table.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_file_that_cannot_be_written_is_explained(
    two_runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["html", str(two_runs[0]), "-o", str(tmp_path / "nowhere" / "r.html")]) == 2
    assert "nowhere" in capsys.readouterr().err
