"""`profile` from outside, on tiny networks and the real runtime."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import backends
from harness.__main__ import main
from harness.backends import device as device_module
from harness.backends.backend import Availability
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.processes import launcher
from harness.processes.build import BuildResult
from harness.processes.launcher import EndedProcess
from harness.processes.profile import ProfileJob, ProfileResult
from harness.processes.target import Target
from harness.records.profile_table import load_layers
from harness.runs import profile
from reports import pictures
from tests.fakes.engines import build_result

WriteNetwork = Callable[..., Path]


def command(*arguments: object, output: Path) -> list[str]:
    common = ["--inferences", "3", "--threads", "1", "--cache-dir", str(output / "cache")]
    return ["profile", *map(str, arguments), "--output", str(output), *common]


def test_a_file_becomes_a_csv_a_picture_and_a_table(
    write_network: WriteNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra `report`")
    output = tmp_path / "profiles" / "new"
    assert main(command("--onnx", write_network("my net.onnx"), output=output)) == 0
    stem = "onnx_my_net_onnxruntime_fp32_layers"
    assert {path.name for path in output.iterdir()} == {f"{stem}.csv", f"{stem}.svg", f"{stem}.png"}
    rows = load_layers(output / f"{stem}.csv")
    assert rows["share_percent"].sum() == pytest.approx(100)
    assert rows["model"].unique().tolist() == ["onnx/my net"]
    printed = capsys.readouterr().out
    assert "Conv 3x3" in printed
    assert str(output / f"{stem}.png") in printed


def test_an_earlier_profile_is_drawn_again(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra `report`")
    assert main(command("--onnx", write_network(), output=tmp_path)) == 0
    (csv,) = tmp_path.glob("*.csv")
    before = csv.with_suffix(".svg").read_bytes()
    csv.with_suffix(".svg").unlink()
    monkeypatch.setattr(launcher, "run_process", None)
    assert main(["profile", "--from", str(csv)]) == 0
    assert csv.with_suffix(".svg").read_bytes() == before


def test_without_matplotlib_the_csv_is_written_and_the_user_is_warned(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pictures, "matplotlib_is_here", lambda: False)
    assert main(command("--onnx", write_network(), output=tmp_path)) == 0
    assert len(list(tmp_path.glob("*_layers.*"))) == 1
    assert "matplotlib is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no model is given: give one MODEL of `list`, --onnx or --model"),
        (["resnest51"], "nearest: resnest/resnest50"),
        (["smoke"], "profile takes one model, but"),
        (["--timm", "test_vit,test_vit2"], "profile takes one model, but"),
        (["resnest50", "--torchvision", "alexnet"], "profile takes one model, but"),
        (["resnest50", "--model", "nets:build"], "2 models are selected"),
        (["--onnx", "nowhere.onnx"], "--onnx nowhere.onnx: no such file"),
        (["resnest50", "--inferences", "1"], "--inferences 1: give a number of at least 2"),
        (["resnest50", "--top", "0"], "--top 0: give a number of at least 1"),
        (["--from", "nowhere.csv"], "Cannot use nowhere.csv"),
        (["resnest50", "--from", "nowhere.csv"], "give either it or a model to profile"),
    ],
)
def test_a_bad_request_says_what_to_do(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "profile"
    # The last value of an option counts: the arguments come after the common ones.
    assert main([*command(output=output), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_an_unusable_backend_ends_at_once(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Availability(False, "It is not installed.", "Run: pip install it")
    monkeypatch.setattr(OnnxRuntimeBackend, "availability", lambda self: missing)
    assert main(command("--onnx", write_network(), output=tmp_path)) == 2
    assert "backend onnxruntime cannot run here: It is not installed. Run: pip install it" in capsys.readouterr().err


def test_a_directory_that_cannot_be_made_is_reported(
    write_network: WriteNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(command("--onnx", write_network(), output=tmp_path / "file" / "below")) == 2
    assert "give another" in capsys.readouterr().err


def test_a_model_that_cannot_be_measured_leaves_no_csv(
    write_network: WriteNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_network(operator="NoSuchOperator")
    assert main(command("--onnx", broken, output=tmp_path)) == 1
    assert "onnx/tiny: unsupported:" in capsys.readouterr().err
    assert list(tmp_path.glob("*_layers.*")) == []


def test_a_conversion_that_fails_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "profiled_networks.py").write_text("def net():\n    raise RuntimeError('no weights')\n")
    monkeypatch.chdir(tmp_path)
    assert main(command("--model", "profiled_networks:net", output=tmp_path)) == 1
    assert "raised RuntimeError: no weights" in capsys.readouterr().err


def test_a_profile_that_takes_too_long_is_ended(
    write_network: WriteNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = [*command("--onnx", write_network(), "--timeout", "1", output=tmp_path), "--inferences", "100000000"]
    assert main(slow) == 1
    assert "timeout: The profile did not end within 1 s" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="Signals are POSIX.")
def test_a_process_that_dies_is_reported(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = EndedProcess(-signal.SIGSEGV, False, "in the profiler")
    monkeypatch.setattr(launcher, "run_process", lambda command, timeout_s: ended)
    assert main(command("--onnx", write_network(), output=tmp_path)) == 1
    assert "The profile's process crashed with SIGSEGV. It said: in the profiler" in capsys.readouterr().err


class EngineBackend(OnnxRuntimeBackend):
    """The CPU backend, as if it built engines."""

    builds_engines = True


def use_engines(monkeypatch: pytest.MonkeyPatch, result: BuildResult) -> list[tuple[Target, float]]:
    asked: list[tuple[Target, float]] = []

    def built(targets: list[Target], timeout_s: float) -> list[tuple[Target, BuildResult]]:
        asked.extend((target, timeout_s) for target in targets)
        return [(target, result) for target in targets]

    monkeypatch.setattr(backends, "get", lambda name: EngineBackend())
    monkeypatch.setattr(profile, "built", built)
    return asked


def test_a_missing_engine_is_built_first(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = use_engines(monkeypatch, build_result(2.5))
    options = ["--device", "1", "--build-timeout", "90s"]
    assert main(command("--onnx", write_network(), *options, output=tmp_path)) == 0
    ((target, timeout_s),) = asked
    assert (target.precision, target.gpu.device, timeout_s) == ("fp32", 1, 90.0)
    assert target.cache_dir == str(tmp_path / "cache")
    assert "engine: built in 2.5 s" in capsys.readouterr().err


def test_a_cached_engine_is_reported(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_engines(monkeypatch, build_result(2.5, cached=True))
    assert main(command("--onnx", write_network(), output=tmp_path)) == 0
    assert "engine: from the cache" in capsys.readouterr().err


def test_an_engine_that_cannot_be_built_is_the_reason(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_engines(monkeypatch, BuildResult("unsupported", "no kernel for Foo"))
    monkeypatch.setattr(launcher, "run_process", None)
    assert main(command("--onnx", write_network(), output=tmp_path)) == 1
    assert "onnx/tiny: unsupported: no kernel for Foo" in capsys.readouterr().err


def test_the_process_gets_the_gpu_asked_for(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[ProfileJob] = []

    def run_profile(job: ProfileJob, *, timeout_s: float) -> ProfileResult:
        jobs.append(job)
        return ProfileResult("failed", "enough")

    monkeypatch.setattr(profile, "run_profile", run_profile)
    options = ["--device", "1", "--spin", "--cuda-graph"]
    assert main(command("--onnx", write_network(), *options, output=tmp_path)) == 1
    gpu = jobs[0].target.gpu
    assert (gpu.device, gpu.wait, gpu.cuda_graph) == (1, "spin", True)
    assert jobs[0].target.cache_dir == str(tmp_path / "cache")


def test_a_model_of_a_bundle_is_profiled_as_it_is(
    converted: Callable[..., Any], write_bundle: Callable[..., Any], tmp_path: Path
) -> None:
    write_bundle(converted(), converted("regnet/RegNetX-200MF", weight=2.0))
    assert main(command("regnet/RegNetX-200MF", "--artifacts", tmp_path / "bundle", output=tmp_path)) == 0
    (csv,) = tmp_path.glob("*_layers.csv")
    assert set(load_layers(csv)["model"]) == {"regnet/RegNetX-200MF"}


def test_a_whole_bundle_is_more_than_one_model(
    converted: Callable[..., Any],
    write_bundle: Callable[..., Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_bundle(converted(), converted("regnet/RegNetX-200MF", weight=2.0))
    assert main(command("--artifacts", tmp_path / "bundle", output=tmp_path)) == 2
    assert "profile takes one model, but 2 models are selected" in capsys.readouterr().err


def test_a_gpu_that_others_use_is_reported_or_refused(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def refuse_shared(device: int, *, exclusive: bool) -> str:
        asked.append((device, exclusive))
        return "others use it"

    monkeypatch.setattr(OnnxRuntimeBackend, "on_gpu", True)
    monkeypatch.setattr(device_module, "accelerator", lambda _gpu, _runtime: None)
    monkeypatch.setattr(device_module, "refuse_shared", refuse_shared)
    options = ["--device", "1", "--exclusive"]
    assert main(command("--onnx", write_network(), *options, output=tmp_path)) == 0
    assert asked == [(1, True)]
    assert "warning: others use it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "batch", "expected"),
    [
        ("gpunet/GPUNet-0", 1, "gpunet_GPUNet-0_tensorrt_fp16_layers.csv"),
        ("own/nets:build", 8, "own_nets_build_tensorrt_fp16_b8_layers.csv"),
    ],
)
def test_files_are_named_after_the_series(model: str, batch: int, expected: str) -> None:
    source, _, variant = model.partition("/")
    series = profile.Series(model, source, variant, "tensorrt", "fp16", batch)
    assert profile.csv_name(series) == expected


def test_the_worker_is_started_with_this_interpreter(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def watched(command: list[str], timeout_s: float) -> EndedProcess:
        started.append((command, timeout_s))
        return EndedProcess(3, False, "")

    monkeypatch.setattr(launcher, "run_process", watched)
    assert main(command("--onnx", write_network(), "--timeout", "7s", output=tmp_path)) == 1
    ((words, timeout_s),) = started
    assert words[0] == sys.executable
    assert "harness.processes.profile_worker" in words
    assert timeout_s == 7.0
