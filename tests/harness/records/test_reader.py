from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ComparisonError
from harness.records.reader import SeriesKey, read_run
from harness.records.schema import columns_of
from tests.harness.comparison.conftest import write_rows

MakeRow = Callable[..., dict[str, Any]]
WriteRun = Callable[..., Path]

KEY = SeriesKey("ofa/a", "onnxruntime", "fp32", "1")


def test_a_run_is_its_directory_or_its_file(write_run: WriteRun, make_row: MakeRow) -> None:
    directory = write_run("run", make_row("ofa/a", [0.5, 0.51]))
    assert read_run(directory) == read_run(directory / "results.csv")
    series = read_run(directory)[KEY]
    assert series.ratios == (0.5, 0.51)
    assert series.latencies_ms == (2.0, 2.04)
    assert series.references_ms == (4.0, 4.0)


def test_a_row_without_trials_is_kept_with_its_reason(write_run: WriteRun, make_row: MakeRow) -> None:
    series = read_run(write_run("run", make_row("ofa/a", [], status="failed", reason="it broke")))[KEY]
    assert (series.status, series.reason, series.ratios) == ("failed", "it broke", ())


def test_a_row_names_the_series_whose_trials_it_has(write_run: WriteRun, make_row: MakeRow) -> None:
    rows = make_row("ofa/a", [0.5, 0.51]), make_row("ofa/b", [0.5, 0.51], measured_as="ofa/a")
    found = read_run(write_run("run", *rows))
    assert [one.measured_key for one in found.values()] == [KEY, KEY]
    assert [one.measured_as for one in found.values()] == ["", "ofa/a"]


def test_a_fused_graph_that_is_the_native_file_has_the_native_series(write_run: WriteRun, make_row: MakeRow) -> None:
    shared = make_row("ofa/a", [0.5, 0.51], graph="fused", measured_as="ofa/a")
    other = make_row("ofa/b", [0.5, 0.51], graph="fused", measured_as="ofa/a")
    found = read_run(write_run("run", make_row("ofa/a", [0.5, 0.51]), shared, other))
    assert [one.measured_key for one in found.values()] == [KEY] * 3


def test_both_graphs_fused_are_told_from_both_native(write_run: WriteRun, make_row: MakeRow) -> None:
    rows = [
        make_row(model, ratios, graph=graph, measured_as=owner)
        for graph, ratios in (("native", [0.5, 0.51]), ("fused", [0.4, 0.41]))
        for model, owner in (("ofa/a", ""), ("ofa/b", "ofa/a"))
    ]
    found = read_run(write_run("run", *rows))
    fused = dataclasses.replace(KEY, graph="fused")
    assert [one.measured_key for one in found.values()] == [KEY, KEY, fused, fused]


def test_a_run_of_an_older_version_shares_no_trials(tmp_path: Path, make_row: MakeRow) -> None:
    older = [column.name for column in columns_of(3)]
    path = write_rows(tmp_path / "results.csv", [make_row("ofa/a", [0.5, 0.51], schema_version=3)], older)
    assert read_run(path)[KEY].measured_key == KEY


@pytest.mark.parametrize("word", ["nan", "inf", "0", "-1.5", "fast"])
def test_an_invalid_time_is_named_with_file_and_line(write_run: WriteRun, make_row: MakeRow, word: str) -> None:
    bad = make_row("ofa/b", [0.5, 0.5], latency_trials_ms=f"2.0 {word}")
    directory = write_run("run", make_row("ofa/a", [0.5, 0.5]), bad)
    with pytest.raises(ComparisonError, match=rf"results\.csv:3: '{word}' in latency_trials_ms"):
        read_run(directory)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 1}, r":2: schema version '1'"),
        ({"ratio_trials": "0.5"}, r":2: the numbers of trials differ: 2 in latency_trials_ms, 1 in ratio_trials"),
        (
            {"latency_trials_ms": "", "ratio_trials": "", "reference_trials_ms": ""},
            r":2: status is ok but no trial is listed",
        ),
    ],
)
def test_an_impossible_row_is_refused(
    write_run: WriteRun, make_row: MakeRow, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ComparisonError, match=message):
        read_run(write_run("run", make_row("ofa/a", [0.5, 0.5], **changes)))


def test_a_duplicate_series_names_both_lines(write_run: WriteRun, make_row: MakeRow) -> None:
    twice = make_row("ofa/a", [0.5, 0.5])
    with pytest.raises(ComparisonError, match=r":3: ofa/a .* appears twice, first in line 2"):
        read_run(write_run("run", twice, twice))


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("model,backend,precision,batch,status\nofa/a,onnxruntime,fp32,1,ok\n")
    with pytest.raises(ComparisonError, match=r":1: no column reason, environment_id"):
        read_run(path)


@pytest.mark.parametrize("text", ["", "<html>not found</html>\n", "a;b;c\n1;2;3\n"])
def test_what_is_not_a_results_csv_is_reported(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(ComparisonError, match=r":1: not a results\.csv"):
        read_run(path)


def test_a_binary_file_and_a_missing_one_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(ComparisonError, match="not a text file"):
        read_run(path)
    with pytest.raises(ComparisonError, match="No such file"):
        read_run(tmp_path / "nowhere")


def test_a_truncated_file_is_reported(write_run: WriteRun, make_row: MakeRow) -> None:
    directory = write_run("run", make_row("ofa/a", [0.5, 0.5]), make_row("ofa/b", [0.5, 0.5]))
    path = directory / "results.csv"
    path.write_text(path.read_text()[:-400])
    with pytest.raises(ComparisonError, match=r"results\.csv:\d"):
        read_run(directory)


@pytest.mark.parametrize("damage", ["\0" * 512, '"' + "x" * 200_000])
def test_zeros_and_an_unterminated_cell_are_reported(write_run: WriteRun, make_row: MakeRow, damage: str) -> None:
    """Python's reader refuses these with its own error, from 3.11 on only the second."""
    directory = write_run("run", make_row("ofa/a", [0.5, 0.5]))
    with (directory / "results.csv").open("a") as file:
        file.write(damage)
    with pytest.raises(ComparisonError, match=r"results\.csv:\d: .* The file is damaged; repeat the run's command"):
        read_run(directory)


def test_a_file_with_only_a_header_is_reported(write_run: WriteRun) -> None:
    with pytest.raises(ComparisonError, match="no rows"):
        read_run(write_run("run"))


def test_two_graphs_of_a_model_are_two_series(write_run: WriteRun, make_row: MakeRow) -> None:
    rows = [make_row("ofa/a", [0.5, 0.51], graph=graph) for graph in ("native", "fused")]
    assert list(read_run(write_run("run", *rows))) == [KEY, dataclasses.replace(KEY, graph="fused")]
    assert [str(key) for key in read_run(write_run("again", *rows))] == [
        "ofa/a (onnxruntime, fp32)",
        "ofa/a (onnxruntime, fp32 fused)",
    ]


def test_a_row_of_an_older_version_is_native(tmp_path: Path, make_row: MakeRow) -> None:
    older = [column.name for column in columns_of(4)]
    path = write_rows(tmp_path / "results.csv", [make_row("ofa/a", [0.5, 0.51], schema_version=4)], older)
    assert list(read_run(path)) == [KEY]
