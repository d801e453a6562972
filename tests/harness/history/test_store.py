"""What is added stays, once and complete; files that are not a history are refused."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import HarnessError, HistoryError
from harness.history.record import read_records
from harness.history.store import APPLICATION_ID, STORE_VERSION, HistoryStore
from harness.records.schema import SCHEMA_VERSION
from tests.harness.history.conftest import read_record

STEADY = [1.0, 1.01, 0.99]


def test_a_run_comes_back_as_it_was(make_run, make_recorded_row, store_path: Path) -> None:
    run = make_run(
        1, make_recorded_row("ofa/a", STEADY), make_recorded_row("ofa/b", [], status="timeout", reason="300 s")
    )
    with HistoryStore.open(store_path, create=True) as store:
        assert store.add(read_record(run), "abc") == "added"
    with HistoryStore.open(store_path) as store:
        [stored] = store.runs()
        assert (stored.label, stored.device, stored.series_ok_count, stored.series_count) == (
            "abc", "Some processor, 2 threads", 1, 2,
        )  # fmt: skip
        assert stored.environment == {"onnxruntime_version": "1.30.0", "threads": 2}
        assert store.models() == ["ofa/a", "ofa/b"]
        [(run_id, series)] = store.series("ofa/a")
        assert run_id == stored.run_id
        assert (series.ratios, series.latencies_ms) == ((1.0, 1.01, 0.99), (4.0, 4.04, 3.96))
        [(_, failed)] = store.series("ofa/b")
        assert (failed.status, failed.reason, failed.ratios) == ("timeout", "300 s", ())
        [(_, cells), _] = store.cells()
        assert cells["reference_trials_ms"] == "4 4 4"
        assert "latency_p99_ms" not in cells


def test_a_run_of_two_backends_is_two_runs(make_run, make_recorded_row, store_path: Path) -> None:
    other = {**make_recorded_row("ofa/a", STEADY), "backend": "openvino"}
    run = make_run(1, make_recorded_row("ofa/a", STEADY), other)
    alone = read_record(run)
    info = json.loads((run / "run.json").read_text())
    first = {name: info[name] for name in ("environment_id", "device", "environment")}
    info["environments"] = {"onnxruntime": first, "openvino": {**first, "environment_id": "e2"}}
    (run / "run.json").write_text(json.dumps(info))
    path = run / "results.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], lines[2].replace(info["environment_id"], "e2")]))
    records = read_records(run)
    assert [(one.environment_id, [row.measured.key.backend for row in one.rows]) for one in records] == [
        (info["environment_id"], ["onnxruntime"]),
        ("e2", ["openvino"]),
    ]
    # The first is the run that onnxruntime alone would be.
    assert records[0].run_id == alone.run_id != records[1].run_id
    with HistoryStore.open(store_path, create=True) as store:
        assert [store.add(record) for record in records] == ["added", "added"]
        assert len(store.runs()) == 2


def test_the_same_run_twice_changes_nothing(make_run, make_recorded_row, store_path: Path) -> None:
    record = read_record(make_run(1, make_recorded_row("ofa/a", STEADY)))
    with HistoryStore.open(store_path, create=True) as store:
        store.add(record, "abc")
    before = store_path.read_bytes()
    for label in (None, "abc"):
        with HistoryStore.open(store_path, create=True) as store:
            assert store.add(record, label) == "unchanged"
    assert store_path.read_bytes() == before


def test_a_copy_of_a_run_is_the_same_run(make_run, make_recorded_row, store_path: Path) -> None:
    with HistoryStore.open(store_path, create=True) as store:
        store.add(read_record(make_run(1, make_recorded_row("ofa/a", STEADY))))
        assert store.add(read_record(make_run(1, make_recorded_row("ofa/a", STEADY), name="copy"))) == "unchanged"


def test_a_continued_run_replaces_its_rows_and_keeps_its_label(make_run, make_recorded_row, store_path: Path) -> None:
    early = read_record(make_run(1, make_recorded_row("ofa/a", STEADY)))
    late = read_record(make_run(1, make_recorded_row("ofa/a", [*STEADY, 1.02]), make_recorded_row("ofa/b", STEADY)))
    with HistoryStore.open(store_path, create=True) as store:
        store.add(early, "abc")
        assert store.add(late) == "replaced"
        [stored] = store.runs()
        assert (stored.label, stored.series_count) == ("abc", 2)
        assert len(store.series("ofa/a")[0][1].ratios) == 4
        # A copy made before the run went on does not take it back.
        assert store.add(early) == "older"
        assert len(store.series("ofa/a")[0][1].ratios) == 4


def test_a_new_label_replaces_the_old(make_run, make_recorded_row, store_path: Path) -> None:
    record = read_record(make_run(1, make_recorded_row("ofa/a", STEADY)))
    with HistoryStore.open(store_path, create=True) as store:
        store.add(record, "abc")
        assert store.add(record, "def") == "replaced"
        assert [run.label for run in store.runs()] == ["def"]


@pytest.mark.parametrize("facts", [{"seed": 7}, {"environment_id": "ba9876543210"}, {"reference_sha256": "00"}])
def test_runs_that_differ_in_what_makes_a_run_are_two(make_run, make_recorded_row, store_path: Path, facts) -> None:
    with HistoryStore.open(store_path, create=True) as store:
        store.add(read_record(make_run(1, make_recorded_row("ofa/a", STEADY))))
        store.add(read_record(make_run(1, make_recorded_row("ofa/a", STEADY), name="other", **facts)))
        assert len(store.runs()) == 2


def test_a_run_without_a_row_that_is_ok_is_refused(make_run, make_recorded_row) -> None:
    run = make_run(1, make_recorded_row("ofa/a", [], status="failed", reason="no such operator"))
    with pytest.raises(HistoryError, match=r"no row is ok.*ofa/a.*failed: no such operator"):
        read_record(run)


def test_a_run_of_another_schema_version_is_refused(make_run, make_recorded_row) -> None:
    with pytest.raises(HarnessError, match=f"schema version {SCHEMA_VERSION + 1}"):
        read_record(make_run(1, make_recorded_row("ofa/a", STEADY), schema_version=SCHEMA_VERSION + 1))
    with pytest.raises(HarnessError, match=r"results\.csv:2: schema version '1'"):
        read_record(make_run(2, make_recorded_row("ofa/a", STEADY, schema_version=1)))


@pytest.mark.parametrize("column", ["trials_count", "trials_failed_count", "measured_at"])
def test_an_invalid_count_or_time_is_refused(make_run, make_recorded_row, column: str) -> None:
    run = make_run(1, make_recorded_row("ofa/a", STEADY))
    lines = list(csv.DictReader((run / "results.csv").open()))
    lines[0][column] = "yesterday"
    with (run / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    with pytest.raises(HistoryError, match=rf"results\.csv:2: 'yesterday' in {column}\. The file was edited"):
        read_record(run)


def test_a_directory_that_is_not_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="not a run directory"):
        read_record(tmp_path)


def test_there_must_be_a_history_to_read(store_path: Path) -> None:
    with pytest.raises(HistoryError, match="history add RUN"):
        HistoryStore.open(store_path)
    assert not store_path.exists()


@pytest.mark.parametrize("create", [False, True])
def test_other_files_are_refused_and_left_alone(store_path: Path, create: bool) -> None:
    store_path.write_text("model,status\n" * 100)
    with pytest.raises(HistoryError, match="is not a history of this harness"):
        HistoryStore.open(store_path, create=create)
    assert store_path.read_text() == "model,status\n" * 100


@pytest.mark.parametrize("create", [False, True])
def test_other_databases_are_refused(store_path: Path, create: bool) -> None:
    with sqlite3.connect(store_path) as other:
        other.execute("CREATE TABLE runs (run_id TEXT)")
    with pytest.raises(HistoryError, match="is not a history of this harness"):
        HistoryStore.open(store_path, create=create)


def test_an_empty_file_becomes_a_history(store_path: Path) -> None:
    store_path.touch()
    with pytest.raises(HistoryError, match="is not a history"):
        HistoryStore.open(store_path)
    with HistoryStore.open(store_path, create=True) as store:
        assert store.runs() == []


def test_a_history_of_another_version_is_refused(store_path: Path) -> None:
    HistoryStore.open(store_path, create=True).close()
    with sqlite3.connect(store_path) as file:
        file.execute(f"PRAGMA user_version = {STORE_VERSION + 1}")
    with pytest.raises(HistoryError, match=f"history of version {STORE_VERSION + 1}.* reads {STORE_VERSION}"):
        HistoryStore.open(store_path)


def overwritten(content: bytes) -> bytes:
    return content[:4096] + b"\xff" * len(content[4096:])


def cut_off(content: bytes) -> bytes:
    """What SQLite opens and answers from: the last page, as of rows that it does not look at, is missing."""
    return content[:-4096] + bytes(4096)


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("damage", [overwritten, cut_off])
def test_a_damaged_history_is_reported_before_anything_is_added(
    make_run, make_recorded_row, store_path: Path, damage: Callable[[bytes], bytes], create: bool
) -> None:
    with HistoryStore.open(store_path, create=True) as store:
        for day in range(20):
            store.add(read_record(make_run(day, make_recorded_row("ofa/a", STEADY))))
    damaged = damage(store_path.read_bytes())
    store_path.write_bytes(damaged)
    with pytest.raises(HistoryError, match=r"is damaged .*Restore a copy"):
        HistoryStore.open(store_path, create=create)
    assert store_path.read_bytes() == damaged


def test_a_row_that_is_not_json_is_reported(make_run, make_recorded_row, store_path: Path) -> None:
    with HistoryStore.open(store_path, create=True) as store:
        store.add(read_record(make_run(1, make_recorded_row("ofa/a", STEADY))))
    with contextlib.closing(sqlite3.connect(store_path)) as file, file:
        file.execute("UPDATE series SET ratios = '[1.0', cells = '{'")
        file.execute("UPDATE runs SET environment = ''")
    with HistoryStore.open(store_path) as store:
        for read in (store.runs, lambda: store.series("ofa/a"), lambda: list(store.cells())):
            with pytest.raises(HistoryError, match=r"is damaged .*Restore a copy"):
                read()


def test_a_history_in_use_is_reported(make_run, make_recorded_row, store_path: Path) -> None:
    HistoryStore.open(store_path, create=True).close()
    record = read_record(make_run(1, make_recorded_row("ofa/a", STEADY)))
    other = sqlite3.connect(store_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with HistoryStore.open(store_path, wait_s=0.01) as store:
        with pytest.raises(HistoryError, match="another process is adding"):
            store.add(record)
        other.execute("ROLLBACK")
        assert store.add(record) == "added"


def test_a_place_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match="Give --store"):
        HistoryStore.open(tmp_path / "file" / "history.sqlite", create=True)
    with pytest.raises(HistoryError, match="Give --store"):
        HistoryStore.open(tmp_path, create=True)


def test_a_writer_killed_half_way_leaves_what_was_there(make_run, make_recorded_row, store_path: Path) -> None:
    with HistoryStore.open(store_path, create=True) as store:
        store.add(read_record(make_run(1, make_recorded_row("ofa/a", STEADY))), "kept")
    # A cache of one page makes SQLite write to the file before the end of the transaction.
    killed = (
        "import os, sqlite3, sys\n"
        "file = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "file.execute('PRAGMA cache_size = 1')\n"
        "file.execute('BEGIN IMMEDIATE')\n"
        "file.execute('DELETE FROM series')\n"
        "file.execute('DELETE FROM runs')\n"
        "file.executemany('INSERT INTO runs SELECT ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0',"
        " [(str(i), 'x' * 1000) for i in range(500)])\n"
        "os._exit(9)\n"
    )
    before = store_path.stat().st_size
    assert subprocess.run([sys.executable, "-c", killed, store_path], check=False).returncode == 9
    assert store_path.stat().st_size > before
    with HistoryStore.open(store_path) as store:
        assert [run.label for run in store.runs()] == ["kept"]
        assert len(store.series("ofa/a")) == 1


def test_processes_that_add_at_once_lose_nothing(make_run, make_recorded_row, store_path: Path) -> None:
    adding = "import sys\nfrom harness.__main__ import main\nfor run in sys.argv[2:]:\n"
    adding += "    assert main(['history', 'add', run, '--store', sys.argv[1]]) == 0\n"
    runs = [str(make_run(day, make_recorded_row("ofa/a", STEADY))) for day in range(12)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    processes = [
        subprocess.Popen([sys.executable, "-c", adding, str(store_path), *runs[start::3]], env=environment)
        for start in range(3)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    with HistoryStore.open(store_path) as store:
        assert len(store.runs()) == 12


def test_the_file_says_what_it_is(store_path: Path) -> None:
    HistoryStore.open(store_path, create=True).close()
    # Bytes 68 to 71 of an SQLite file, which file(1) and others read.
    assert store_path.read_bytes()[68:72] == APPLICATION_ID.to_bytes(4, "big") == b"BZHI"


def test_two_graphs_of_a_model_are_two_series(make_run, make_recorded_row, store_path: Path) -> None:
    run = make_run(1, *(make_recorded_row("ofa/a", STEADY, graph=graph) for graph in ("native", "fused")))
    with HistoryStore.open(store_path, create=True) as store:
        store.add(read_record(run))
        found = [series.key for _, series in store.series("ofa/a")]
    assert [(key.precision, key.graph) for key in found] == [("fp32", "native"), ("fp32", "fused")]
