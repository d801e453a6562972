"""The record that each option group returns."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foundation.cache import default_cache_dir
from harness.accuracy.request import AccuracyRequest
from harness.artifacts.onnx_files import OnnxFile
from harness.commands.options.building import BuildOptions
from harness.commands.options.conversion import ConversionOptions
from harness.commands.options.directory import add_directory
from harness.commands.options.gpu import GpuOptions
from harness.commands.options.images import add_image_options, read_accuracy_request
from harness.commands.options.measuring import MeasuringOptions
from harness.commands.options.models import FileOptions, ModelOptions
from harness.commands.options.outputs import add_outputs, read_outputs
from harness.commands.options.pairs import add_pair_counts, add_pair_options, read_pair_settings
from harness.commands.options.parsing import COMPUTING, ParserOptions
from harness.commands.options.precision import PrecisionOptions
from harness.commands.options.request import RequestOptions, artifact_request
from harness.commands.options.rules import add_rules, read_rules
from harness.commands.options.runtime import RuntimeOptions
from harness.commands.options.weights import WeightsOptions
from harness.comparison.gate import GateRules
from harness.comparison.gate_setup import PairSettings
from harness.comparison.outputs import Outputs
from harness.comparison.verdict import Rules
from harness.errors import HarnessError
from harness.machine.gpu.settings import GpuSettings
from harness.runs.request import RunRequest
from harness.timing.settings import TimingSettings

Add = Callable[[argparse.ArgumentParser], object]


def parsed(add: Add, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add(parser)
    return parser.parse_args(words)


def read_all(add: Add, read: Callable[[argparse.Namespace], Any], *words: str) -> Any:
    return read(parsed(add, *words))


def test_models() -> None:
    assert read_all(ModelOptions.add, ModelOptions.read) == ModelOptions()
    words = ["--models", "resnest,ofa", "--models", "*b0", "--model", "a:b"]
    assert read_all(ModelOptions.add, ModelOptions.read, *words) == ModelOptions(("resnest,ofa", "*b0"), ("a:b",))


def test_how_artifacts_are_judged() -> None:
    def add(parser: argparse.ArgumentParser) -> None:
        ParserOptions.add(parser, "--parser", "help")

    assert read_all(add, ParserOptions.read) == ParserOptions(False, "tensorrt-rtx", 1800.0)
    words = ["--parser", "--backend", "tensorrt", "--build-timeout", "1m"]
    assert read_all(add, ParserOptions.read, *words) == ParserOptions(True, "tensorrt", 60.0)
    for words in (["--backend", "tensorrt-rtx"], ["--build-timeout", "1m"]):
        with pytest.raises(HarnessError, match=r"^--backend and --build-timeout need --parser$"):
            read_all(add, ParserOptions.read, *words)


def test_a_runtime_may_compute_artifacts_or_judge_them() -> None:
    def add(parser: argparse.ArgumentParser) -> None:
        ParserOptions.add(parser, "--parser", "help", COMPUTING)

    assert read_all(add, ParserOptions.read, "--backend", "openvino").computing == "openvino"
    assert read_all(add, ParserOptions.read, "--parser").computing == ""
    with pytest.raises(HarnessError, match=r"^--parser --backend openvino: it has no parser of its own; give"):
        read_all(add, ParserOptions.read, "--parser", "--backend", "openvino")
    with pytest.raises(HarnessError, match=r"need --parser$"):
        read_all(add, ParserOptions.read, "--backend", "openvino", "--build-timeout", "1m")


def test_files() -> None:
    assert read_all(FileOptions.add, FileOptions.read) == FileOptions()
    words = ["--onnx", "a.onnx", "--onnx", "mine=b.onnx", "--artifacts", "bundle", "--input-range", "0:255"]
    words += ["--shape", "images:0:1x3x64x48", "--shape", "ids:1,128"]
    words += ["--custom-operators", "ops.so"]
    assert read_all(FileOptions.add, FileOptions.read, *words) == FileOptions(
        (OnnxFile(Path("a.onnx")), OnnxFile(Path("b.onnx"), "mine")),
        {"images:0": (1, 3, 64, 48), "ids": (1, 128)},
        "0:255",
        str(Path("ops.so").absolute()),
        Path("bundle"),
    )
    given = read_all(FileOptions.add, FileOptions.read, "--input", "photos.npz")
    assert given.inputs == str(Path("photos.npz").absolute())


@pytest.mark.parametrize(
    "words",
    [
        ["--shape", "1x3x64x64"],
        ["--shape", "x:1xNx3"],
        ["--shape", "x:0x3"],
        ["--input-range", "255:0"],
        ["--input-range", "0"],
        ["--input-range", "0:inf"],
        ["--input", "photo.jpg"],
        ["--input", "a.npy", "--input-range", "0:1"],
    ],
)
def test_what_says_nothing_of_inputs_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_all(FileOptions.add, FileOptions.read, *words)
    assert words[0] in capsys.readouterr().err


def test_weights() -> None:
    assert read_all(WeightsOptions.add, WeightsOptions.read) == WeightsOptions("probe")
    left_open = read_all(lambda parser: WeightsOptions.add(parser, ""), WeightsOptions.read)
    assert left_open == WeightsOptions("")
    words = ["--weights", "released", "--mirror", "/mnt", "--weights-lock", "a.toml"]
    found = read_all(WeightsOptions.add, WeightsOptions.read, *words)
    assert found == WeightsOptions("released", "/mnt", Path("a.toml"))


def test_conversion() -> None:
    default = ConversionOptions("own", "dynamo", (), None, None, None, "", 0, 900.0, default_cache_dir())
    assert read_all(ConversionOptions.add, ConversionOptions.read) == default
    words = ["--implementation", "release", "--exporter", "torchscript", "--opset", "17", "--batch", "8"]
    words += ["--resolution", "32", "--preprocessing", "ofa", "--workers", "2", "--conversion-timeout", "2m"]
    words += ["--graph", "fused", "--cache-dir", "cache"]
    found = read_all(ConversionOptions.add, ConversionOptions.read, *words)
    assert found == ConversionOptions("release", "torchscript", ("fused",), 17, 8, 32, "ofa", 2, 120.0, Path("cache"))


def test_a_command_without_a_choice_of_implementation_has_this_project_s() -> None:
    def add(parser: argparse.ArgumentParser) -> None:
        ConversionOptions.add(parser, implementation=False)

    assert read_all(add, ConversionOptions.read).implementation == "own"
    with pytest.raises(SystemExit):
        parsed(add, "--implementation", "own")


def test_precision() -> None:
    assert read_all(PrecisionOptions.add, PrecisionOptions.read) == PrecisionOptions()
    words = ["--precision", "int8", "--int8-scheme", "tensorrt", "--calibration-images", "images"]
    found = read_all(PrecisionOptions.add, PrecisionOptions.read, *words, "--calibration-count", "9")
    assert found == PrecisionOptions(("int8",), "tensorrt", Path("images"), 9)

    def add(parser: argparse.ArgumentParser) -> None:
        PrecisionOptions.add(parser, float16_io=True)

    found = read_all(add, PrecisionOptions.read, "--precision", "fp16", "--float16-io")
    assert found == PrecisionOptions(("fp16",), float16_io=True)


def add_runtime(parser: argparse.ArgumentParser) -> None:
    RuntimeOptions.add(parser.add_argument_group("measuring"))


def test_runtime() -> None:
    assert read_all(add_runtime, RuntimeOptions.read) == RuntimeOptions((), None)
    found = read_all(add_runtime, RuntimeOptions.read, "--backend", "tensorrt", "--threads", "3")
    assert found == RuntimeOptions(("tensorrt",), 3)


def test_measuring() -> None:
    default = RunRequest()
    assert read_all(MeasuringOptions.add, MeasuringOptions.read) == MeasuringOptions(
        protocol=None,
        runtime=RuntimeOptions((), None),
        rounds=default.rounds,
        budget_s=default.budget_s,
        half_width_percent=default.half_width_percent,
        timing=default.timing,
        trial_timeout_s=default.trial_timeout_s,
        wait=default.wait,
    )
    words = ["--protocol", "gpunet-paper", "--threads", "2", "--rounds", "7", "--budget", "1h", "--half-width", "0"]
    words += ["--block-ms", "2.5", "--block-groups", "4", "--trial-timeout", "9"]
    found = read_all(MeasuringOptions.add, MeasuringOptions.read, *words)
    assert (found.protocol, found.runtime.threads, found.rounds, found.budget_s) == ("gpunet-paper", 2, 7, 3600.0)
    assert (found.half_width_percent, found.trial_timeout_s) == (0.0, 9.0)
    given = parsed(MeasuringOptions.add, "--block-ms", "2.5", "--block-groups", "4")
    assert found.timing == MeasuringOptions.read(given).timing != TimingSettings()


def test_gpu() -> None:
    default = read_all(GpuOptions.add, GpuOptions.read)
    assert default.settings() == GpuSettings()
    assert (default.cuda_graph, default.build.build_timeout_s, default.exclusive) == (None, 1800.0, False)
    words = [
        "--device",
        "1",
        "--no-cuda-graph",
        "--queue-depth",
        "2",
        "--spin",
        "--workspace",
        "64",
        "--for",
        "sm120,8.6",
    ]
    found = read_all(GpuOptions.add, GpuOptions.read, *words, "--build-timeout", "60", "--exclusive")
    assert found == GpuOptions(BuildOptions(1, 64, ("sm86", "sm120"), 60.0), False, 2, True, True)
    expected = GpuSettings(device=1, queue_depth=2, wait="spin", workspace_mib=64, capabilities=("sm86", "sm120"))
    assert found.settings() == expected
    assert found.build.settings() == GpuSettings(device=1, workspace_mib=64, capabilities=("sm86", "sm120"))


def test_images() -> None:
    def add(parser: argparse.ArgumentParser) -> None:
        add_image_options(parser, required=False)

    assert read_all(add, read_accuracy_request) is None
    assert read_all(add, read_accuracy_request, "--images", "val") == AccuracyRequest(Path("val"))
    words = ["--images", "val", "--ground-truth", "t.txt", "--limit", "9", "--seed", "3"]
    words += ["--cache-images", "c", "--memory", "64", "--decoders", "2", "--image-timeout", "30"]
    words += ["--class-order", "index", "--background-class", "0"]
    assert read_all(add, read_accuracy_request, *words) == AccuracyRequest(
        Path("val"), Path("t.txt"), 9, 3, Path("c"), 64, 2, 30.0, "index", 0
    )


def test_rules() -> None:
    assert read_all(add_rules, read_rules) == Rules()
    words = ["--margin", "1", "--threshold", "2%", "--error-rate", "0.05"]
    assert read_all(add_rules, read_rules, *words) == Rules(1.0, 2.0, 0.05)


def test_outputs() -> None:
    assert read_all(add_outputs, read_outputs) == Outputs()
    words = ["--markdown", "a.md", "--junit", "b.xml", "--json", "c.json"]
    assert read_all(add_outputs, read_outputs, *words) == Outputs(Path("a.md"), Path("b.xml"), Path("c.json"))


def test_pairs() -> None:
    default = PairSettings(
        backend="onnxruntime",
        threads=None,
        timing=TimingSettings(),
        gpu=GpuSettings(),
        exclusive=False,
        wait=True,
        timeout_s=300.0,
        build_timeout_s=1800.0,
        cache_dir=default_cache_dir(),
        builds=1,
        seed=None,
    )
    assert read_all(add_pair_options, read_pair_settings) == default
    words = ["--threads", "2", "--pair-timeout", "2m", "--cache-dir", "cache", "--builds", "3", "--seed", "0"]
    found = read_all(add_pair_options, read_pair_settings, *words, "--exclusive", "--build-timeout", "5", "--no-wait")
    assert (found.threads, found.timeout_s, found.cache_dir, found.builds, found.seed) == (2, 120, Path("cache"), 3, 0)
    assert (found.exclusive, found.wait, found.build_timeout_s) == (True, False, 5.0)


def test_numbers_of_pairs() -> None:
    def add(parser: argparse.ArgumentParser) -> None:
        add_pair_counts(parser, GateRules(screen_pairs=4))

    found = parsed(add, "--confirm-pairs", "9")
    assert (found.pairs, found.confirm_pairs) == (4, 9)


def test_the_run_directory() -> None:
    found = parsed(add_directory)
    assert (found.output, found.resume) == (Path("results"), False)
    found = parsed(add_directory, "--output", "there", "--resume")
    assert (found.output, found.resume) == (Path("there"), True)


def add_request(parser: argparse.ArgumentParser) -> None:
    FileOptions.add(parser)
    add_runtime(parser)
    RequestOptions.add(parser)


def test_the_groups_without_options_are_the_default_request() -> None:
    found: RequestOptions = read_all(add_request, RequestOptions.read)
    assert found.request(ModelOptions(("smoke",))) == RunRequest(
        artifact_request(
            ModelOptions(("smoke",)), FileOptions(), PrecisionOptions(), WeightsOptions(), found.conversion
        )
    )


def test_the_groups_together_are_a_request() -> None:
    words = ["--onnx", "a.onnx", "--threads", "2", "--precision", "fp16", "--batch", "4", "--exclusive"]
    words += ["--device", "1", "--weights", "auto", "--opset", "17", "--build-timeout", "5"]
    request = read_all(add_request, RequestOptions.read, *words).request(ModelOptions(("smoke",), ("a:b",)))
    wanted = request.wanted
    assert (wanted.models, wanted.own_models, wanted.onnx_files) == (("smoke",), ("a:b",), (OnnxFile(Path("a.onnx")),))
    assert (wanted.precision, wanted.batch, wanted.weights, wanted.opset) == ("fp16", 4, "auto", 17)
    assert (request.threads, request.exclusive, request.gpu.device, request.build_timeout_s) == (2, True, 1, 5.0)


def test_a_protocol_decides_in_the_user_s_place() -> None:
    options = read_all(add_request, RequestOptions.read)
    request = options.request(ModelOptions(("smoke",)), "gpunet-paper")
    assert (request.wanted.backend, request.wanted.precision, request.protocol) == ("tensorrt", "fp16", "gpunet-paper")
