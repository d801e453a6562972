"""Shards of a run's models, measured by separate processes and put together."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from harness.__main__ import main
from harness.errors import MergeError, RunLockedError, StorageError
from harness.files.locking import RunLock
from harness.merging.merge import merge as merge_with_spread
from harness.records.run_info import load_run_info
from tests.harness.conftest import tiny_network

QUICK = ["--rounds", "2", "--block-ms", "2", "--block-groups", "1"]
NAMES = ["a", "b", "c", "d", "e"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with five files, and both shards of a run of them."""
    folder = tmp_path_factory.mktemp("begun")
    for name in NAMES:
        model = tiny_network(weight=ord(name))
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    for number in (1, 2):
        assert main(words_of(folder, folder, f"shard{number}", "--shard", f"{number}/2")) == 0
    return folder


def words_of(files: Path, place: Path, name: str, *options: str) -> list[str]:
    given = [word for stem in NAMES for word in ("--onnx", f"{stem}={files / f'{stem}.onnx'}")]
    places = ["--output", str(place / name), "--cache-dir", str(files / "cache"), "--threads", "1"]
    return ["run", *given, *QUICK, *places, *options]


@pytest.fixture
def command(begun: Path, tmp_path: Path):
    """The words of a run of five files, into a folder of its own."""

    def words(name: str, *options: str) -> list[str]:
        return words_of(begun, tmp_path, name, *options)

    return words


@pytest.fixture
def shards(begun: Path, tmp_path: Path) -> list[Path]:
    return [shutil.copytree(begun / name, tmp_path / name) for name in ("shard1", "shard2")]


def merge(folders: list[Path], output: Path) -> None:
    """Puts runs together whose machine may have changed its speed between them."""
    merge_with_spread(folders, output, 1e6)


def rows(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "results.csv", keep_default_na=False, dtype=str).set_index("model")


def test_the_whole_has_every_trial_of_every_shard_once(shards, command, tmp_path):
    merge(shards, tmp_path / "whole")
    whole = rows(tmp_path / "whole")
    assert list(whole.index) == [f"onnx/{name}" for name in NAMES]
    of_shards = pd.concat([rows(folder) for folder in shards]).loc[whole.index]
    pd.testing.assert_frame_equal(whole, of_shards)
    assert set(whole.trials_count) == {"2"}
    assert {len(rows(folder)) for folder in shards} == {2, 3}
    samples = sorted(path.name for path in (tmp_path / "whole" / "samples").iterdir())
    assert samples == sorted(path.name for folder in shards for path in (folder / "samples").iterdir())
    # It goes on as if it had never been shared out.
    assert main([*command("whole", "--resume"), "--rounds", "3"]) == 0
    assert set(rows(tmp_path / "whole").trials_count) == {"3"}


def test_shards_have_one_seed_and_those_of_other_models_another(shards, command, tmp_path):
    assert len({load_run_info(folder).seed for folder in shards}) == 1
    assert main([*command("other", "--shard", "1/3")]) == 0
    assert load_run_info(tmp_path / "other").seed != load_run_info(shards[0]).seed
    with pytest.raises(MergeError, match=r"is a shard of|measured differently: seed"):
        merge([*shards, tmp_path / "other"], tmp_path / "whole")


def test_a_folder_keeps_to_its_shard(shards, command, capsys):
    assert main(command("shard1", "--shard", "2/2")) == 2
    assert "shard was '1/2', is '2/2'" in capsys.readouterr().err
    assert main(command("shard1")) == 2
    assert "shard was '1/2', is 'all'" in capsys.readouterr().err


def test_more_shards_than_models(command, capsys):
    assert main(command("many", "--shard", "1/6")) == 2
    assert "--shard 1/6: only 5 models to share out; give fewer shards" in capsys.readouterr().err


def test_a_killed_shard_is_named_until_it_has_ended(command, tmp_path):
    """A real process, killed in the middle of its trials; the same command resumes, and nothing is there twice."""
    assert main(command("shard1", "--shard", "1/2")) == 0
    words = command("shard2", "--shard", "2/2")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([sys.executable, "-m", "harness", *words], env=environment, start_new_session=True)
    journal = tmp_path / "shard2" / "trials.jsonl"
    deadline = time.monotonic() + 60
    while not (journal.is_file() and journal.stat().st_size):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    folders = [tmp_path / "shard1", tmp_path / "shard2"]
    done = len(journal.read_text().splitlines())
    with pytest.raises(MergeError, match=r"shard2 has no trial of onnx/. yet: its run has not ended"):
        merge(folders, tmp_path / "whole")
    assert main(words) == 0
    assert len(journal.read_text().splitlines()) == 4
    assert done < 4
    merge(folders, tmp_path / "whole")
    assert set(rows(tmp_path / "whole").trials_count) == {"2"}


def test_a_shard_that_lacks_a_round_is_named(shards, command, tmp_path, capsys):
    merge(shards, tmp_path / "complete")
    assert "of 2 rounds" not in capsys.readouterr().err
    journal = shards[1] / "trials.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]))
    model = json.loads(lines[-1])["series"].split("|")[0]
    merge(shards, tmp_path / "whole")
    assert f"{shards[1]} has 1 of 2 rounds of {model}: it was interrupted" in capsys.readouterr().err
    assert rows(tmp_path / "whole").trials_count[model] == "1"
    assert main([*command("whole", "--resume")]) == 0
    assert set(rows(tmp_path / "whole").trials_count) == {"2"}


def test_a_series_that_another_round_would_not_measure_lacks_none(shards, tmp_path, capsys):
    journal = shards[1] / "trials.jsonl"
    first, *others = [json.loads(line) for line in journal.read_text().splitlines()]
    first["result"] |= {"status": "failed", "reason": "no memory"}
    kept = [first, *(one for one in others if one["series"] != first["series"])]
    journal.write_text("".join(json.dumps(one) + "\n" for one in kept))
    merge(shards, tmp_path / "whole")
    assert "of 2 rounds" not in capsys.readouterr().err


def test_a_shard_that_a_process_still_writes_is_refused(shards, tmp_path):
    lock = RunLock(shards[1])
    with pytest.raises(RunLockedError):
        merge(shards, tmp_path / "whole")
    lock.release()
    merge(shards, tmp_path / "whole")


def test_trials_that_differ_are_refused_by_name(shards, tmp_path):
    copy = shutil.copytree(shards[0], tmp_path / "copy")
    lines = (copy / "trials.jsonl").read_text().splitlines()
    trial = json.loads(lines[0])
    trial["result"]["latency_median_ms"] *= 2
    (copy / "trials.jsonl").write_text("\n".join([json.dumps(trial), *lines[1:]]) + "\n")
    with pytest.raises(MergeError, match=r"have different trials of onnx/. in round 1: leave one out"):
        merge([*shards, copy], tmp_path / "whole")


def test_another_environment_is_never_mixed_in(shards, tmp_path):
    path = shards[1] / "run.json"
    facts = json.loads(path.read_text())
    facts["environment_id"], facts["environment"]["processor"] = "0" * 12, "another"
    path.write_text(json.dumps(facts))
    with pytest.raises(
        MergeError, match=r"different environments .*'another'.*`python -m reports html` shows several runs"
    ):
        merge(shards, tmp_path / "whole")


def test_another_version_is_refused(shards, tmp_path):
    path = shards[1] / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "harness_version": "0.0.1"}))
    with pytest.raises(MergeError, match=r"measured differently: version '.*' and '0\.0\.1'"):
        merge(shards, tmp_path / "whole")


def test_a_run_that_is_no_shard_is_refused_beside_shards(shards, command, tmp_path):
    assert main(command("alone")) == 0
    info = json.loads((tmp_path / "alone" / "run.json").read_text())
    info["seed"] = load_run_info(shards[0]).seed
    (tmp_path / "alone" / "run.json").write_text(json.dumps(info))
    with pytest.raises(MergeError, match=r"is shard 1/2, .*alone is no shard: merge the 2 shards alone first"):
        merge([*shards, tmp_path / "alone"], tmp_path / "whole")


@pytest.mark.parametrize(
    ("folders", "message"),
    [(["nowhere"], "is not there"), (["empty"], "holds neither a run"), (["shard1", "empty"], "holds neither a run")],
)
def test_another_folder_is_refused(shards, tmp_path, folders, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MergeError, match=message):
        merge([tmp_path / name for name in folders], tmp_path / "whole")


def test_nothing_is_written_over(shards, tmp_path):
    with pytest.raises(MergeError, match="is there already; give --output a new folder"):
        merge(shards, shards[0])


def test_a_full_disk_leaves_nothing_behind(shards, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StorageError, match="No space left"):
        merge(shards, tmp_path / "whole")
    assert not [path for path in tmp_path.iterdir() if "whole" in path.name]


def test_the_command_says_what_it_did_and_writes_the_reports(shards, tmp_path, capsys):
    assert main(["merge", *map(str, shards), "--output", str(tmp_path / "whole"), "--spread", "1e6"]) == 0
    assert f"5 rows of 2 folders in {tmp_path / 'whole'}" in capsys.readouterr().err
    assert (tmp_path / "whole" / "report.html").is_file()


def slowed(folder: Path, factor: float) -> Path:
    """The run as a machine of another speed would have left it."""
    lines = (folder / "trials.jsonl").read_text().splitlines()
    trials = [json.loads(line) for line in lines]
    for trial in trials:
        trial["result"]["reference_median_ms"] = 5.0 * factor
    (folder / "trials.jsonl").write_text("".join(f"{json.dumps(trial)}\n" for trial in trials))
    return folder


def test_a_machine_of_another_speed_is_named_and_not_mixed_in(command, shards, tmp_path):
    folders = []
    for number, factor in ((1, 1.0), (2, 1.2), (3, 1.02)):
        assert main(command(f"third{number}", "--shard", f"{number}/3")) == 0
        folders.append(slowed(tmp_path / f"third{number}", factor))
    with pytest.raises(MergeError, match=r"third2 is of another speed: .* took 6 ms in .*third2 and 5\.05 ms .*\+19 %"):
        merge_with_spread(folders, tmp_path / "whole")
    merge_with_spread(folders, tmp_path / "whole", 20)
    with pytest.raises(MergeError, match=r"one of .*shard1 and .*shard2 is of another speed"):
        merge_with_spread([slowed(shards[0], 1.0), slowed(shards[1], 0.8)], tmp_path / "two")
