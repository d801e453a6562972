"""The run directory: what is kept, across sessions, kills and full disks."""

from __future__ import annotations

import csv
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foundation.published_latency import PublishedLatency
from harness.errors import HarnessError, RunLockedError, StorageError
from harness.processes.trial import TrialResult
from harness.records.accuracy_journal import ACCURACY_NAME
from harness.records.accuracy_result import AccuracyResult
from harness.records.directory import RESULTS_NAME, SERIES_NAME, TRIALS_NAME, RunDirectory, load_series
from harness.records.run_info import RUN_INFO_NAME, DifferentRunError
from harness.records.schema import COLUMN_NAMES, SCHEMA_VERSION
from harness.records.series import Series
from tests.fakes.trials import ok_trial


@dataclasses.dataclass(frozen=True)
class Environment:
    environment_id: str = "e1"
    device: str = "a processor"

    def to_json(self) -> dict[str, Any]:
        return {"cpu_model": self.device, "threads": 2}


def series(variant: str, **values: Any) -> Series:
    facts = {
        "artifact_sha256": variant * 64,
        "artifact_path": f"{variant}.onnx",
        "artifact_mib": 1.0,
        "batch": 1,
        **values,
    }
    return Series(
        model=f"a/{variant}",
        source="a",
        variant=variant,
        backend="onnxruntime",
        precision="fp32",
        **facts,
    )


def ok(latency_ms: float = 10.0) -> TrialResult:
    return ok_trial(latency_ms)


DIED = TrialResult(status="failed", reason="died", started_at="2026-01-31T13:00:00+00:00")
X, Y = series("x"), series("y")

Open = Callable[..., RunDirectory]


@pytest.fixture
def open_run(tmp_path: Path) -> Open:
    """Opens the one directory of a test, with defaults for omitted options."""

    def opened(**options: Any) -> RunDirectory:
        defaults = {
            "environments": {"onnxruntime": Environment()},
            "settings": {"timing": {"block_ms": 80.0}},
            "seed": 7,
        }
        return RunDirectory.open(tmp_path / "run", **{**defaults, **options})

    return opened


def table(run: RunDirectory) -> list[dict[str, str]]:
    with (run.path / RESULTS_NAME).open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_new_run_has_its_table_from_the_start(open_run: Open) -> None:
    with open_run() as run:
        assert (run.path / RESULTS_NAME).read_text() == ",".join(COLUMN_NAMES) + "\n"
        run.set_series([X, Y])
        assert [(row["model"], row["status"]) for row in table(run)] == [("a/x", "skipped"), ("a/y", "skipped")]


def test_each_trial_is_in_the_table_at_once(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X, Y])
        run.append(Y.key, 0, ok(12.0))
        assert [row["latency_median_ms"] for row in table(run)] == ["", "12"]
        run.append(X.key, 0, ok(10.0))
        run.append(X.key, 1, ok(11.0))
        assert [row["latency_median_ms"] for row in table(run)] == ["10.5", "12"]
        assert [row["latency_median_ms"] for row in run.rows()] == [10.5, 12.0]


def test_a_later_session_resumes_where_the_first_stopped(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X, Y])
        run.append(X.key, 0, ok())
        run.append(X.key, 1, DIED)
    with open_run(seed=None, resume=True) as run:
        assert run.seed == 7
        assert run.trials_done() == {X.key: {0, 1}}
        assert run.trials(X.key) == [ok(), DIED]
        assert run.series() == [X, Y]
        run.append(Y.key, 0, ok())
        assert run.trials_done() == {X.key: {0, 1}, Y.key: {0}}


def test_a_run_without_a_seed_draws_one_and_keeps_it(open_run: Open) -> None:
    with open_run(seed=None) as run:
        seed = run.seed
    with open_run(seed=None) as run:
        assert run.seed == seed


def test_a_lost_table_is_rebuilt_from_the_trials(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X])
        run.append(X.key, 0, ok(12.0))
        (run.path / RESULTS_NAME).unlink()
    with open_run() as run:
        assert [row["latency_median_ms"] for row in table(run)] == ["12"]


def test_a_torn_last_trial_is_measured_again(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X])
        run.append(X.key, 0, ok())
        run.append(X.key, 1, ok())
    journal = run.path / TRIALS_NAME
    journal.write_bytes(journal.read_bytes()[:-20])
    with open_run() as run:
        assert run.trials_done() == {X.key: {0}}
        run.append(X.key, 1, ok())
    with open_run() as run:
        assert run.trials_done() == {X.key: {0, 1}}


_APPENDS_UNTIL_KILLED = """
import dataclasses, json, sys
from pathlib import Path
from harness.records.directory import RunDirectory
from harness.records.series import Series
from harness.processes.trial import TrialResult

class Environment:
    environment_id = "e1"
    device = "a processor"
    def to_json(self):
        return {"cpu_model": "a processor", "threads": 2}

run = RunDirectory.open(Path(sys.argv[1]), environments={"onnxruntime": Environment()},
                        settings={"timing": {"block_ms": 80.0}}, seed=7)
facts = Series(model="a/x", source="a", variant="x", backend="onnxruntime", precision="fp32", batch=1,
                    artifact_sha256="x" * 64)
trial = TrialResult.from_json(json.loads(sys.argv[2]))
run.set_series([facts])
for number in range(10**6):
    run.append(facts.key, number, dataclasses.replace(trial, latency_median_ms=float(number + 1)))
    print(number, flush=True)
"""


def test_a_killed_run_loses_no_finished_trial_and_does_not_block(open_run: Open, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _APPENDS_UNTIL_KILLED, str(tmp_path / "run"), json.dumps(ok().to_json())],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    reported = [int(process.stdout.readline()) for _ in range(10)]
    with pytest.raises(RunLockedError, match=f"process {process.pid} "):
        open_run()
    process.send_signal(signal.SIGKILL)
    reported += [int(line) for line in process.stdout.read().split()]
    process.wait()
    with open_run(resume=True) as run:
        done = run.trials_done()[X.key]
        assert set(reported) <= done
        # One more may have reached the disk than the run could report.
        assert len(done) <= len(reported) + 1
        assert table(run)[0]["trials_count"] == str(len(done))
        assert not list(run.path.glob(".*.tmp"))


def test_series_measured_earlier_stay_after_those_of_the_new_plan(open_run: Open) -> None:
    unmeasured = series("u")
    with open_run() as run:
        run.set_series([X, unmeasured])
        run.append(X.key, 0, ok())
        run.set_series([Y])
        assert run.series() == [Y, X, unmeasured]
    with open_run() as run:
        assert [row["model"] for row in table(run)] == ["a/y", "a/x", "a/u"]


def test_a_failed_conversion_stays_beside_the_other_graph(open_run: Open) -> None:
    failed = series("x", artifact_sha256="", status="failed", reason="it does not convert")
    with open_run() as run:
        run.set_series([failed])
        run.set_series([dataclasses.replace(X, graph="fused")])
        assert [(one.graph, one.status) for one in run.series()] == [("fused", "ok"), ("native", "failed")]


def test_a_failed_conversion_is_replaced_by_one_that_succeeds(open_run: Open) -> None:
    failed = series("x", artifact_sha256="", status="failed", reason="the exporter raised")
    with open_run() as run:
        run.set_series([failed, Y])
        assert [row["status"] for row in table(run)] == ["failed", "skipped"]
        run.set_series([X])
        assert run.series() == [X, Y]


def test_another_artifact_of_a_measured_model_is_a_row_of_its_own(open_run: Open) -> None:
    converted_again = series("x", artifact_sha256="z" * 64)
    with open_run() as run:
        run.set_series([X])
        run.append(X.key, 0, ok())
        run.set_series([converted_again])
        assert run.series() == [converted_again, X]


def test_newer_facts_of_a_series_replace_the_older(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X])
        run.append(X.key, 0, ok())
        run.set_series([series("x", macs=1000)])
        assert [(row["macs"], row["latency_median_ms"]) for row in table(run)] == [("1000", "10")]


def test_mistakes_of_the_caller_are_refused_before_anything_is_written(open_run: Open) -> None:
    with open_run() as run:
        with pytest.raises(ValueError, match="no series"):
            run.append(X.key, 0, ok())
        with pytest.raises(ValueError, match="twice"):
            run.set_series([X, X])
        run.set_series([X])
        run.append(X.key, 0, ok())
        with pytest.raises(ValueError, match="already has a trial of round 0"):
            run.append(X.key, 0, ok())
        assert run.trials_done() == {X.key: {0}}


def test_samples_of_different_trials_have_different_files(open_run: Open) -> None:
    batch_8 = series("x", batch=8)
    with open_run() as run:
        paths = {run.samples_path(key, round_) for key in (X.key, batch_8.key) for round_ in (0, 1)}
        assert len(paths) == 4
        for path in paths:
            assert path.parent.is_dir()
            path.touch()


def test_another_environment_is_refused_and_nothing_is_touched(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X])
        run.append(X.key, 0, ok())
    before = {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    with pytest.raises(DifferentRunError, match="cpu_model was 'a processor', is 'another'"):
        open_run(environments={"onnxruntime": Environment("e2", "another")})
    assert {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before
    open_run().close()


OPENVINO = dataclasses.replace(X, backend="openvino")
BOTH = {"onnxruntime": Environment("e1"), "openvino": Environment("e2")}


def test_each_row_is_in_the_environment_of_its_backend(open_run: Open) -> None:
    with open_run(environments=BOTH) as run:
        run.set_series([X, OPENVINO])
        run.append(X.key, 0, ok())
        run.append(OPENVINO.key, 0, ok(5.0))
        assert [(row["backend"], row["environment_id"]) for row in table(run)] == [
            ("onnxruntime", "e1"),
            ("openvino", "e2"),
        ]


def test_a_run_is_continued_with_a_backend_less_or_more(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X])
        assert "environments" not in json.loads((run.path / RUN_INFO_NAME).read_text())
    for environments in (BOTH, {"openvino": BOTH["openvino"]}, {"onnxruntime": BOTH["onnxruntime"]}):
        with open_run(environments=environments) as run:
            run.set_series([OPENVINO])
            row = table(run)[0]
            assert (row["backend"], row["environment_id"]) == ("openvino", "e2")
            assert list(run.info.environments) == ["onnxruntime", "openvino"]
            assert run.info.environment_id == "e1"


def test_each_backend_keeps_its_environment(open_run: Open) -> None:
    open_run(environments=BOTH).close()
    changed = {**BOTH, "openvino": Environment("e3")}
    with pytest.raises(DifferentRunError, match=r"e2; this one is e3"):
        open_run(environments=changed)
    open_run(environments=BOTH).close()


def test_a_backend_is_not_added_on_another_machine(open_run: Open) -> None:
    open_run().close()
    with pytest.raises(DifferentRunError, match="cpu_model was 'a processor', is 'another'"):
        open_run(environments={"openvino": Environment("e2", "another")})


def test_another_schema_is_refused(open_run: Open) -> None:
    with open_run() as run:
        info = json.loads((run.path / RUN_INFO_NAME).read_text())
    info["schema_version"] = SCHEMA_VERSION + 1
    (run.path / RUN_INFO_NAME).write_text(json.dumps(info))
    with pytest.raises(DifferentRunError, match=f"schema version {SCHEMA_VERSION + 1}"):
        open_run()


def test_a_directory_of_something_else_is_left_alone(open_run: Open, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").touch()
    with pytest.raises(StorageError, match=r"not empty \(it holds thesis\.tex\)"):
        open_run()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_a_file_in_place_of_the_directory_is_refused(open_run: Open, tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(StorageError, match="is a file"):
        open_run()


def test_an_output_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Check the path"):
        RunDirectory.open(tmp_path / "file" / "run", environments={"onnxruntime": Environment()}, settings={})


def test_resume_needs_a_run(open_run: Open, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no run to resume"):
        open_run(resume=True)
    assert not (tmp_path / "run").exists()


def test_an_output_that_may_not_be_written_is_refused(
    open_run: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(StorageError, match="Not allowed to write"):
        open_run()
    assert not (tmp_path / "run").exists()


def test_a_run_killed_during_its_start_is_started_again(open_run: Open, tmp_path: Path) -> None:
    (tmp_path / "run" / "samples").mkdir(parents=True)
    for name in (".lock", ".lock-holder.json", ".run.json.99.tmp"):
        (tmp_path / "run" / name).touch()
    open_run().close()


def test_a_failed_opening_does_not_keep_the_lock(open_run: Open) -> None:
    open_run().close()
    with pytest.raises(HarnessError):
        open_run(settings={"timing": {"block_ms": 40.0}})
    open_run().close()


def test_a_full_disk_keeps_the_trials_and_the_run_resumes_later(
    open_run: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_run() as run:
        run.set_series([X, Y])
        run.append(X.key, 0, ok())
        before = (run.path / TRIALS_NAME).read_bytes()
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", _full_after(2))
            with pytest.raises(StorageError, match=r"No space left.*Every finished trial is still stored"):
                run.append(Y.key, 0, ok())
        assert (run.path / TRIALS_NAME).read_bytes() == before
    with open_run() as run:
        assert run.trials_done() == {X.key: {0}}


def _full_after(writes: int) -> Callable[[int, bytes], int]:
    """A disk that accepts ten bytes per write and is full after this many writes."""
    real_write = os.write
    left = iter(range(writes))

    def write(descriptor: int, data: bytes) -> int:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_write(descriptor, data[:10])

    return write


def test_a_trial_that_was_stored_before_the_table_failed_is_kept(
    open_run: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with open_run() as run:
        run.set_series([X])
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", full)
            with pytest.raises(StorageError, match="No space left"):
                run.append(X.key, 0, ok())
    with open_run() as run:
        assert run.trials_done() == {X.key: {0}}
        assert [row["status"] for row in table(run)] == ["ok"]


@pytest.mark.parametrize("line", ['{"series": "k"}', '{"series": "k", "round": 0, "result": {"speed": 1}}', "[]"])
def test_a_line_that_is_not_a_trial_is_an_error_that_names_it(open_run: Open, line: str) -> None:
    with open_run() as run:
        pass
    (run.path / TRIALS_NAME).write_text(line + "\n")
    with pytest.raises(StorageError, match="line 1 is not a trial"):
        open_run()


def test_damaged_series_are_an_error_that_says_how_to_fix_it(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X])
        run.append(X.key, 0, ok())
    (run.path / SERIES_NAME).write_text("[{")
    with pytest.raises(StorageError, match="Remove it to have its series planned again"):
        open_run()
    (run.path / SERIES_NAME).unlink()
    with open_run() as run:
        run.set_series([X])
        assert [row["status"] for row in table(run)] == ["ok"]


TWIN = series("t", artifact_sha256=X.artifact_sha256)
"""Another model with the artifact of X."""


def figures(run: RunDirectory) -> list[tuple[str, str, str]]:
    return [(row["model"], row["latency_trials_ms"], row["measured_as"]) for row in table(run)]


def test_a_trial_is_in_every_row_that_shares_it(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X, TWIN, Y])
        assert figures(run) == [("a/x", "", ""), ("a/t", "", ""), ("a/y", "", "")]
        run.append(X.key, 0, ok(12.0))
        run.append(X.key, 1, ok(13.0))
        assert figures(run) == [("a/x", "12 13", ""), ("a/t", "12 13", "a/x"), ("a/y", "", "")]
        assert [(row["status"], row["trials_count"]) for row in table(run)][1] == ("ok", "2")
        assert len((run.path / TRIALS_NAME).read_text().splitlines()) == 2
        assert run.trials(TWIN.key) == []
        assert run.measured_as() == {X.key: X, TWIN.key: X, Y.key: Y}
    with open_run() as run:
        assert figures(run)[1] == ("a/t", "12 13", "a/x")


def test_a_failed_trial_is_the_failure_of_every_row_that_shares_it(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X, TWIN])
        run.append(X.key, 0, DIED)
        assert [(row["status"], row["reason"], row["measured_as"]) for row in table(run)] == [
            ("failed", "died", ""),
            ("failed", "died", "a/x"),
        ]


def test_a_model_added_later_shows_the_trials_that_are_there(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X])
        run.append(X.key, 0, ok(12.0))
    with open_run() as run:
        run.set_series([TWIN])
        assert figures(run) == [("a/t", "12", "a/x"), ("a/x", "12", "")]


def test_rows_that_were_measured_each_by_itself_stay_as_they_are(open_run: Open) -> None:
    """As in directories of versions that shared no trials."""
    third = series("z", artifact_sha256=X.artifact_sha256)
    with open_run() as run:
        run.set_series([X, TWIN])
        run.append(TWIN.key, 0, ok(12.0))
        run.append(X.key, 0, ok(10.0))
        before = figures(run)
        assert before == [("a/x", "10", ""), ("a/t", "12", "")]
    with open_run() as run:
        run.set_series([third, TWIN, X])
        assert figures(run) == [("a/z", "12", "a/t"), ("a/t", "12", ""), ("a/x", "10", "")]
        run.append(X.key, 1, ok(11.0))
        assert figures(run) == [("a/z", "12", "a/t"), ("a/t", "12", ""), ("a/x", "10 11", "")]


def test_a_row_that_shares_trials_is_not_replaced_by_another_artifact(open_run: Open) -> None:
    converted_again = series("t", artifact_sha256="o" * 64)
    with open_run() as run:
        run.set_series([X, TWIN])
        run.append(X.key, 0, ok(12.0))
        run.set_series([converted_again])
        assert figures(run) == [("a/t", "", ""), ("a/x", "12", ""), ("a/t", "12", "a/x")]


def test_an_evaluation_is_of_its_own_row_alone(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X, TWIN])
        run.append(X.key, 0, ok(12.0))
        run.record_accuracy(TWIN.key, MEASURED)
        assert [row["accuracy_measured_top1_percent"] for row in table(run)] == ["", "75"]
        assert figures(run)[1] == ("a/t", "12", "a/x")


MEASURED = AccuracyResult(
    "i", "d", images_count=200, unreadable_count=0, top1_correct_count=150, top5_correct_count=190
)


def test_an_evaluation_is_in_the_table_at_once_and_in_later_sessions(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X, Y])
        run.record_accuracy(X.key, AccuracyResult("i", "d", reason="why"))
        assert table(run)[0]["accuracy_measured_reason"] == "why"
        run.record_accuracy(X.key, MEASURED)
        assert (table(run)[0]["accuracy_measured_top1_percent"], table(run)[0]["status"]) == ("75", "skipped")
    with open_run(resume=True) as run:
        assert run.accuracy(X.key) == MEASURED
        assert run.accuracy(Y.key) is None
        assert table(run)[0]["accuracy_measured_top1_percent"] == "75"
        run.append(X.key, 0, ok())
        assert (table(run)[0]["status"], table(run)[0]["accuracy_measured_top5_percent"]) == ("ok", "95")
        before = (run.path / ACCURACY_NAME).read_bytes()
        run.record_accuracy(X.key, MEASURED)
        assert (run.path / ACCURACY_NAME).read_bytes() == before


def test_a_run_without_images_has_no_file_of_accuracy(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X])
        assert not (run.path / ACCURACY_NAME).exists()


def test_an_evaluated_series_is_not_replaced(open_run: Open) -> None:
    other = series("x", artifact_sha256="o" * 64)
    with open_run() as run:
        run.set_series([X, Y])
        run.record_accuracy(X.key, MEASURED)
        run.record_accuracy(Y.key, AccuracyResult("i", "d", reason="why"))
        run.set_series([other, series("y", artifact_sha256="o" * 64)])
        assert [one.key for one in run.series()] == [other.key, series("y", artifact_sha256="o" * 64).key, X.key]


def test_an_evaluation_of_an_unknown_series_is_a_mistake(open_run: Open) -> None:
    with open_run() as run, pytest.raises(ValueError, match="call set_series first"):
        run.record_accuracy(X.key, MEASURED)


def test_a_damaged_file_of_accuracy_names_itself(open_run: Open, tmp_path: Path) -> None:
    with open_run():
        pass
    (tmp_path / "run" / ACCURACY_NAME).write_text('{"series": "x", "result": {"top": 1}}\n')
    with pytest.raises(StorageError, match=r"accuracy\.jsonl is damaged"):
        open_run(resume=True)


_BLOCKS_WHILE_IT_SAVES_SAMPLES = """
import os, sys, time
from pathlib import Path
import numpy as np
from harness.timing.samples import Block, save_samples

def block(descriptor):
    print("written", flush=True)
    time.sleep(600)

os.fsync = block
save_samples([Block(0, 0, 0, np.ones(1000, np.int64), 0.0, False)], Path(sys.argv[1]))
"""


def test_what_a_trial_killed_while_it_saves_its_samples_leaves_is_removed(open_run: Open) -> None:
    with open_run() as run:
        path = run.samples_path(X.key, 0)
        trial = subprocess.Popen(
            [sys.executable, "-c", _BLOCKS_WHILE_IT_SAVES_SAMPLES, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert trial.stdout
        assert trial.stdout.readline() == "written\n"
        trial.send_signal(signal.SIGKILL)
        trial.communicate()
    (left,) = path.parent.iterdir()
    assert left != path
    with open_run():
        assert list(path.parent.iterdir()) == []


def test_half_written_samples_of_earlier_versions_are_removed(open_run: Open) -> None:
    with open_run() as run:
        path = run.samples_path(X.key, 0)
        path.touch()
        path.with_name(path.name + ".partial").touch()
    with open_run():
        assert list(path.parent.iterdir()) == [path]


def test_published_latencies_are_kept_beside_the_table(open_run: Open) -> None:
    figures = (PublishedLatency("a phone", 22.0, "README"), PublishedLatency("a GPU", 1.5, "README", batch=64))
    with open_run() as run:
        run.set_series([series("x", latencies_published=figures, searched_for="a phone"), Y])
        run.append(run.series()[0].key, 0, ok())
        path = run.path
    first, second = load_series(path).values()
    assert (first.latencies_published, first.searched_for) == (figures, "a phone")
    assert (second.latencies_published, second.searched_for) == ((), "")
    assert "phone" not in (path / RESULTS_NAME).read_text()


def test_series_of_an_earlier_version_have_no_published_latencies(open_run: Open) -> None:
    with open_run() as run:
        run.set_series([X])
        path = run.path
    (written,) = json.loads((path / SERIES_NAME).read_text())
    del written["latencies_published"], written["searched_for"]
    (path / SERIES_NAME).write_text(json.dumps([written]))
    assert list(load_series(path).values()) == [X]


@pytest.mark.parametrize("latencies", ["22 ms", [{"device": "a phone"}]])
def test_damaged_published_latencies_are_refused(open_run: Open, latencies: Any) -> None:
    with open_run() as run:
        run.set_series([X])
        path = run.path
    (written,) = json.loads((path / SERIES_NAME).read_text())
    (path / SERIES_NAME).write_text(json.dumps([{**written, "latencies_published": latencies}]))
    with pytest.raises(StorageError, match=r"series.json is damaged"):
        load_series(path)


def test_a_run_without_series_has_none(tmp_path: Path) -> None:
    assert load_series(tmp_path) == {}
