"""The command line from outside, on real runs of tiny networks."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import onnx
import pandas as pd
import pytest

from harness.__main__ import main
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.commands.parser import parse
from harness.commands.run import request_of
from harness.machine.processor import logical_cores

QUICK = ["--block-ms", "2", "--block-groups", "1"]


def run(*arguments, onnx=(), output, cache, quick=True):
    files = [part for path in onnx for part in ("--onnx", str(path))]
    options = ["--output", str(output), "--cache-dir", str(cache), *(QUICK if quick else [])]
    return ["run", *arguments, *files, *options]


@pytest.fixture
def places(tmp_path):
    return {"output": tmp_path / "results", "cache": tmp_path / "cache"}


def rows(places):
    return pd.read_csv(places["output"] / "results.csv", keep_default_na=False)


def trials(places):
    lines = (places["output"] / "trials.jsonl").read_text().splitlines()
    return Counter((entry["series"], entry["round"]) for entry in map(json.loads, lines))


def test_a_run_says_beforehand_what_it_takes(tiny_onnx, places, capsys, monkeypatch):
    monkeypatch.setattr("harness.runs.rounds.LEAST_TRIALS", 1)
    assert main(run("--rounds", "2", onnx=[tiny_onnx()], **places)) == 0
    told = capsys.readouterr().err
    assert re.search(
        r"expected: 1 trial in about 0:0\d a round; 2 rounds \(intervals of about \+-13 %\) in about 0:", told
    )
    assert told.index("[round 1") < told.index("expected") < told.index("[round 2"), "the first trial tells the speed"
    assert told.count("expected") == 1
    assert sum(trials(places).values()) == 2


def test_a_user_file_is_measured_and_reported(tiny_onnx, places, capsys):
    assert main(run("--rounds", "2", onnx=[tiny_onnx()], **places)) == 0
    (row,) = rows(places).to_dict("records")
    assert (row["model"], row["status"], row["trials_count"]) == ("onnx/tiny", "ok", 2)
    assert row["latency_median_ms"] > 0
    assert row["ratio_to_reference"] > 0
    assert "onnx/tiny" in (places["output"] / "results.md").read_text()
    printed = capsys.readouterr()
    assert str(places["output"] / "results.csv") in printed.out
    assert "[round 1 1/1] onnx/tiny" in printed.err


def test_the_same_command_again_measures_nothing_twice(tiny_onnx, places):
    twice = tiny_onnx()
    files = [twice, twice, tiny_onnx(name="other.onnx", shape=(1, 3, 4, 4))]
    command = run("--rounds", "1", onnx=files, **places)
    assert main(command) == 0
    before = trials(places)
    assert main(command) == 0
    assert trials(places) == before
    assert set(before.values()) == {1}
    more = [*command, "--resume"]
    more[more.index("--rounds") + 1] = "2"
    assert main(more) == 0
    assert sum(trials(places).values()) == 4


def test_bad_files_are_rows_with_reasons_beside_good_ones(tiny_onnx, places, tmp_path):
    good, cut = tiny_onnx(), tmp_path / "cut.onnx"
    cut.write_bytes(good.read_bytes()[:-20])
    files = [good, cut, tiny_onnx(("n", 3, 8, 8), "dynamic.onnx"), tiny_onnx(name="two.onnx", inputs=2)]
    assert main(run("--rounds", "1", onnx=files, **places)) == 1
    found = rows(places).set_index("variant")
    assert found.status.to_dict() == {"tiny": "ok", "cut": "failed", "dynamic": "ok", "two": "ok"}
    assert "truncated" in found.reason["cut"]
    assert "is fixed at 1x3x8x8" in found.warnings["dynamic"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "resnest51"], "nearest: resnest/resnest50"),
        (["--models", "vgg*"], "no model matches 'vgg*'"),
        ([], "no models are selected: give --models, --timm, --torchvision, --model or --onnx"),
        (["--onnx", "nowhere.onnx"], "--onnx nowhere.onnx: no such file"),
        (["--models", "smoke", "--batch", "0"], "--batch 0: give a number of at least 1"),
        (["--models", "smoke", "--calibration-images", "."], "nothing here is calibrated; add --precision int8"),
        (["--models", "smoke", "--precision", "int8", "--calibration-images", "gone"], "gone: no such folder"),
        (["--model", "no_colon"], "give it as module:function"),
        (["--models", "resnest50", "--weights", "gone.pth"], "--weights gone.pth: no such file"),
        (["--models", "resnest", "--weights", __file__], "belongs to one model, but 11 are selected"),
        (["--models", "resnest", "--weights", "relaesed"], "give probe, released, auto, or a checkpoint's path"),
        (
            ["--models", "resnest", "--mirror", "/mnt"],
            "--mirror /mnt: nothing is fetched; add --weights released, or auto",
        ),
        (["--models", "smoke", "--weights-lock", "a.toml"], "--weights-lock a.toml: nothing is fetched"),
        (
            ["--models", "alphanet", "--weights", "released", "--calibration-images", "gone"],
            "--calibration-images gone: no such folder",
        ),
    ],
)
def test_a_bad_request_says_what_to_do_and_leaves_nothing(arguments, message, places, capsys):
    assert main(run(*arguments, **places)) == 2
    assert message in capsys.readouterr().err
    assert not (places["output"] / "results.csv").exists()


def test_a_folder_without_images_is_refused_before_anything_starts(places, tmp_path, capsys):
    folder = tmp_path / "empty"
    folder.mkdir()
    asked = ["--models", "smoke", "--precision", "int8", "--calibration-images", str(folder)]
    assert main(run(*asked, **places)) == 2
    assert "holds no image" in capsys.readouterr().err
    assert not places["cache"].exists()


def test_a_user_model_is_measured_in_int8_with_a_warning_about_its_calibration(places, tmp_path, monkeypatch, capsys):
    source = (
        "import torch\ndef net():\n    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten())\n"
    )
    (tmp_path / "int8_networks.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    asked = ["--model", "int8_networks:net", "--precision", "int8", "--resolution", "16", "--rounds", "1"]
    assert main(run(*asked, **places)) == 0
    (row,) = rows(places).to_dict("records")
    assert (row["status"], row["precision"], row["precision_effective"]) == ("ok", "int8", "int8"), row["reason"]
    told = capsys.readouterr().err
    assert "warning: int8 ranges come from 16 generated images" in told
    assert re.search(r"same top-1 as fp32 on \d+ % of 8 generated images, logits ", told)
    assert row["calibration"] == "16 generated images"
    assert "Int8 ranges are those of images prepared as assumed (" in row["warnings"]


def test_a_damaged_reference_network_is_written_again(tiny_onnx, places, tmp_path):
    command = run("--rounds", "1", onnx=[tiny_onnx()], **places)
    assert main(command) == 0
    (reference,) = (places["cache"] / "reference").iterdir()
    whole = reference.read_bytes()
    reference.write_bytes(whole[:5000])
    assert main(run("--rounds", "1", onnx=[tiny_onnx()], output=tmp_path / "again", cache=places["cache"])) == 0
    assert reference.read_bytes() == whole


def test_a_cache_that_cannot_be_used_is_named(tiny_onnx, places, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(run(onnx=[tiny_onnx()], output=places["output"], cache=tmp_path / "file")) == 2
    assert "file cannot be used (Not a directory)" in capsys.readouterr().err


def test_a_directory_that_holds_no_run_cannot_be_resumed(tiny_onnx, places, capsys):
    assert main(run("--resume", onnx=[tiny_onnx()], **places)) == 2
    assert "no run to resume" in capsys.readouterr().err


def test_a_directory_of_another_environment_is_refused(tiny_onnx, places, capsys):
    path = tiny_onnx()
    assert main(run("--rounds", "1", "--threads", "1", onnx=[path], **places)) == 0
    assert main(run("--rounds", "1", "--threads", "2", onnx=[path], **places)) == 2
    assert "threads was 1, is 2" in capsys.readouterr().err
    assert sum(trials(places).values()) == 1


def test_a_dry_run_prints_the_plan_and_touches_nothing(tiny_onnx, places, capsys):
    assert main(run("--models", "smoke", "--dry-run", onnx=[tiny_onnx()], **places)) == 0
    printed = capsys.readouterr()
    assert "regnet/RegNetX-200MF  to convert" in printed.out
    assert re.search(r"^onnx/tiny  /.*tiny\.onnx$", printed.out, re.MULTILINE)
    assert not places["output"].exists()
    assert not places["cache"].exists()


def test_a_user_model_that_raises_is_a_row(places, tmp_path, monkeypatch, capsys):
    (tmp_path / "cli_networks.py").write_text("def net():\n    raise RuntimeError('no weights')\n")
    monkeypatch.chdir(tmp_path)
    assert main(run("--model", "cli_networks:net", **places)) == 1
    (row,) = rows(places).to_dict("records")
    assert (row["model"], row["status"]) == ("own/cli_networks:net", "failed")
    assert "raised RuntimeError: no weights" in row["reason"]
    assert "artifacts: 1 failed, in" in capsys.readouterr().err


def test_a_user_model_is_measured_beside_a_file(places, tmp_path, tiny_onnx, monkeypatch):
    (tmp_path / "cli_good.py").write_text(
        "import torch\ndef net():\n    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten())\n"
    )
    monkeypatch.chdir(tmp_path)
    command = run("--model", "cli_good:net", "--resolution", "16", "--rounds", "1", onnx=[tiny_onnx()], **places)
    assert main(command) == 0
    found = rows(places).set_index("model")
    assert set(found.index) == {"own/cli_good:net", "onnx/tiny"}
    assert found.macs["own/cli_good:net"] == str(8 * 27 * 14 * 14)


def start(*command, **environment):
    # A shell's background job ignores SIGINT, and so would whatever it starts; a handler is reset by the start.
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *command],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, ignored)


def wait_for_trials(places, count, seconds=120):
    path = places["output"] / "trials.jsonl"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.01)
    raise AssertionError(f"no {count} trials within {seconds} s")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_an_interrupted_run_resumes(how, tiny_onnx, places):
    files = [tiny_onnx(name=f"net{size}.onnx", shape=(1, 3, size, size)) for size in (4, 6, 8)]
    command = run("--rounds", "3", "--half-width", "0", onnx=files, **places)
    process = start(*command)
    wait_for_trials(places, 4)
    process.send_signal(how)
    output, _ = process.communicate(timeout=60)
    stopped = trials(places)
    assert 4 <= sum(stopped.values()) < 9
    if how != signal.SIGKILL:
        assert process.returncode == 130, output
        assert "the same command resumes there" in output
        assert (places["output"] / "results.md").is_file()
    assert len(rows(places)) == 3
    assert main(command) == 0
    finished = trials(places)
    assert len(finished) == 9
    assert set(finished.values()) == {1}
    assert stopped.items() <= finished.items()
    assert rows(places).trials_count.tolist() == [3, 3, 3]


def copies(path, *names):
    """A network's file, and copies of it under other names."""
    return [path, *(Path(shutil.copy(path, path.with_name(f"{name}.onnx"))) for name in names)]


def figures(places):
    return [tuple(row) for row in rows(places)[["model", "trials_count", "measured_as"]].to_numpy()]


def test_a_network_under_two_names_is_measured_once_for_both_rows(tiny_onnx, places, capsys):
    files = [*copies(tiny_onnx(), "twin"), tiny_onnx(name="other.onnx", shape=(1, 3, 4, 4))]
    assert main(run("--rounds", "3", "--half-width", "0", onnx=files, **places)) == 0
    told = capsys.readouterr().err
    note = "2 trials a round for 3 rows: models with the same artifact are measured once (column measured_as)"
    assert told.count(note) == 1
    assert "[round 3 2/2]" in told
    assert "3 rows ok" in told
    assert Counter(series.split("|")[0] for series, _ in trials(places)) == {"onnx/tiny": 3, "onnx/other": 3}
    assert figures(places) == [("onnx/tiny", 3, ""), ("onnx/twin", 3, "onnx/tiny"), ("onnx/other", 3, "")]
    tiny, twin, _ = rows(places).to_dict("records")
    assert {name for name in tiny if tiny[name] != twin[name]} == {"model", "variant", "artifact_path", "measured_as"}


def test_sessions_of_other_names_continue_the_same_trials(tiny_onnx, places, capsys):
    first, second, third = copies(tiny_onnx(), "second", "third")
    rest = ["--half-width", "0"]
    assert main(run("--rounds", "1", *rest, onnx=[second], **places)) == 0
    # The network is there already: another name costs no trial.
    assert main(run("--rounds", "1", *rest, onnx=[first], **places)) == 0
    assert sum(trials(places).values()) == 1
    assert figures(places) == [("onnx/tiny", 1, "onnx/second"), ("onnx/second", 1, "")]
    # Further rounds go to the series that began, although its file is gone.
    second.unlink()
    capsys.readouterr()
    assert main(run("--rounds", "2", *rest, onnx=[third, first], **places)) == 0
    assert "1 trial a round for 2 rows: models with the same artifact" in capsys.readouterr().err
    assert {series.split("|")[0] for series, _ in trials(places)} == {"onnx/second"}
    assert figures(places) == [
        ("onnx/third", 2, "onnx/second"),
        ("onnx/tiny", 2, "onnx/second"),
        ("onnx/second", 2, ""),
    ]


def test_a_network_that_fails_is_a_failure_of_every_name(tiny_onnx, places):
    path = tiny_onnx()
    model = onnx.load(path)
    model.graph.node[0].op_type, model.graph.node[0].domain = "Stranger", "mine"
    model.opset_import.append(onnx.helper.make_opsetid("mine", 1))
    onnx.save(model, path)
    files = copies(path, "twin")
    assert main(run("--rounds", "2", onnx=files, **places)) == 1
    assert sum(trials(places).values()) == 1
    found = rows(places).set_index("variant")
    assert found.status.to_dict() == {"tiny": "unsupported", "twin": "unsupported"}
    assert found.measured_as.to_dict() == {"tiny": "", "twin": "onnx/tiny"}
    assert "Stranger" in found.reason["tiny"]
    assert found.reason["twin"] == found.reason["tiny"]


def test_a_run_of_shared_networks_that_is_killed_resumes(tiny_onnx, places):
    files = [*copies(tiny_onnx(), "twin"), *copies(tiny_onnx(name="net6.onnx", shape=(1, 3, 6, 6)), "twin6")]
    command = run("--rounds", "3", "--half-width", "0", onnx=files, **places)
    process = start(*command)
    wait_for_trials(places, 3)
    process.kill()
    process.communicate(timeout=60)
    stopped = trials(places)
    assert 3 <= sum(stopped.values()) < 6
    # In the other order: who was measured remains who is measured.
    assert main(run("--rounds", "3", "--half-width", "0", onnx=files[::-1], **places)) == 0
    finished = trials(places)
    assert stopped.items() <= finished.items()
    assert sorted(finished.values()) == [1] * 6
    assert sorted(figures(places)) == [
        ("onnx/net6", 3, ""),
        ("onnx/tiny", 3, ""),
        ("onnx/twin", 3, "onnx/tiny"),
        ("onnx/twin6", 3, "onnx/net6"),
    ]


def test_a_second_run_on_one_directory_is_refused(tiny_onnx, places):
    command = run("--rounds", "50", "--half-width", "0", onnx=[tiny_onnx()], **places)
    first = start(*command)
    try:
        wait_for_trials(places, 1)
        second = start(*command)
        output, _ = second.communicate(timeout=60)
    finally:
        first.kill()
        first.communicate()
    assert second.returncode == 2
    assert str(first.pid) in output


def test_measuring_imports_neither_torch_nor_tensorflow(tiny_onnx, places, tmp_path):
    for package in ("torch", "tensorflow", "tf2onnx", "timm"):
        (tmp_path / "blocked" / package).mkdir(parents=True)
        (tmp_path / "blocked" / package / "__init__.py").write_text("raise AssertionError('imported while measuring')")
    process = start(*run("--rounds", "1", onnx=[tiny_onnx()], **places), PYTHONPATH=str(tmp_path / "blocked"))
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output


def test_the_report_is_written_again(tiny_onnx, places, capsys):
    assert main(run("--rounds", "1", onnx=[tiny_onnx()], **places)) == 0
    (places["output"] / "results.md").unlink()
    assert main(["report", str(places["output"])]) == 0
    assert (places["output"] / "results.md").is_file()
    assert '"training":"imagenet-1k"' in (places["output"] / "report.html").read_text()
    assert main(["report", str(places["output"]), "--training", "any"]) == 0
    assert '"training":"any"' in (places["output"] / "report.html").read_text()
    assert main(["report", str(places["cache"])]) == 2
    assert "holds no results.csv" in capsys.readouterr().err


def test_more_threads_than_processors_give_a_warning(tiny_onnx, places, capsys):
    command = run("--rounds", "1", "--threads", str(logical_cores() + 1), onnx=[tiny_onnx()], **places)
    assert main(command) == 0
    assert f"warning: {logical_cores() + 1} threads on" in capsys.readouterr().err


class OldTensorRt(OnnxRuntimeBackend):
    """Usable here, and reads operators up to set 17."""

    on_gpu = True

    def opset_limit(self) -> int | None:
        return 17


@pytest.mark.parametrize(("options", "opset"), [([], 17), (["--opset", "18"], 18), (["--artifacts", "somewhere"], 18)])
def test_an_old_runtime_can_read_what_is_converted_for_it(
    monkeypatch: pytest.MonkeyPatch, options: list[str], opset: int
) -> None:
    monkeypatch.setattr("harness.backends.get", lambda name: OldTensorRt())
    asked = parse(["run", "--models", "smoke", *options])
    assert request_of(asked.options).wanted.opset == opset
