"""`harness verify` as it is called; what it compares has tests in `artifacts`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from converters.images import dead_leaves
from converters.pool import Conversion
from converters.request import ConversionRequest
from harness.__main__ import main
from harness.artifacts import conversions
from harness.artifacts.request import ArtifactRequest
from harness.records.series import Series
from tests.fakes.networks import classifier_file, two_inputs_file

NAME = "regnet/RegNetX-200MF"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--limit", "3"], "--ground-truth and --limit need --images DIR"),
        (["--ground-truth", "labels.txt"], "--ground-truth and --limit need --images DIR"),
        (["--weights", "released"], "the results of the releases are recorded for probe weights; add --images DIR"),
        (["--images", "gone"], "gone"),
        (["--parser", "--weights", "released", "--images", "."], "--parser and --images: give one of them"),
    ],
)
def test_a_bad_request_is_refused_before_anything_is_converted(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache"
    assert main(["verify", "--models", NAME, *options, "--cache-dir", str(cache)]) == 2
    assert message in capsys.readouterr().err
    assert not cache.exists()


@pytest.mark.parametrize("images", [False, True])
def test_a_conversion_that_failed_is_a_line_and_1(
    images: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[ArtifactRequest] = []

    def converted(request: ArtifactRequest, *_: object) -> Iterator[Conversion]:
        asked.append(request)
        yield Conversion(ConversionRequest(NAME), "timeout", "too slow")

    monkeypatch.setattr(conversions, "converted", converted)
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "a.png").write_bytes(b"")
    options = ["--images", str(tmp_path)] if images else []
    assert main(["verify", "--models", NAME, "--batch", "2", *options]) == 1
    assert capsys.readouterr().out.startswith(f"{NAME}  timeout: too slow\n")
    assert (asked[0].models, asked[0].batch, asked[0].implementation) == ((NAME,), 2, "own")


def verified(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    capsys.readouterr()
    code = main(["verify", *map(str, words)])
    return code, capsys.readouterr().out.splitlines()


def test_the_precisions_of_a_file_are_compared_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = classifier_file(tmp_path / "net.onnx", ["n", 3, 32, 32])
    cache = ("--cache-dir", tmp_path / "cache")
    code, lines = verified("--onnx", path, "--precision", "fp16,int8", *cache, capsys=capsys)
    assert code == 0
    assert [line.split("  ")[:2] for line in lines] == [["onnx/net in fp16", "ok"], ["onnx/net in int8", "ok"]]
    assert all("natural: top-1 equal on" in line and "relative L2" in line for line in lines)
    errors = [float(line.rpartition("relative L2 ")[2]) for line in lines]
    assert 0 < errors[0] < 1e-2 < errors[1] < 0.5, "float16 rounds also where the processor computes in float32"


def test_files_are_compared_with_the_first_on_given_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, image in enumerate(dead_leaves(40, 5)):
        Image.fromarray((image.transpose(1, 2, 0) * 255).astype(np.uint8)).save(folder / f"{number}.png")
    (folder / "9.png").write_bytes(b"no image")
    first = classifier_file(tmp_path / "first.onnx", [1, 3, 32, 32])
    same = classifier_file(tmp_path / "same.onnx", [1, 3, 32, 32], opset=11)
    last = classifier_file(tmp_path / "last.onnx", [1, 32, 32, 3], channels_last=True)
    files = ["--onnx", first, "--onnx", f"like={same}", "--onnx", last]
    code, lines = verified(*files, "--images", folder, "--cache-dir", tmp_path / "cache", capsys=capsys)
    assert code == 1
    assert lines[0].startswith("onnx/like in fp32  ok  given: top-1 equal on 5 of 5, relative L2")
    assert "1 unreadable" in lines[0]
    wrong = ["--images", str(folder), "--preprocessing", NAME, "--cache-dir", str(tmp_path / "cache")]
    assert main(["verify", *map(str, files), *wrong]) == 2
    assert f"--preprocessing {NAME} and {first}, measured at 32" in capsys.readouterr().err
    assert lines[1].startswith("onnx/last in fp32  differs: its inputs are [(1, 32, 32, 3)]")


def test_values_are_given_to_networks_without_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = two_inputs_file(tmp_path / "net.onnx")
    words = ("--onnx", path, "--precision", "int8", "--input-range", "0:1", "--cache-dir", tmp_path / "cache")
    code, (line,) = verified(*words, capsys=capsys)
    assert code == 0
    assert line.startswith("onnx/net in int8  ok  values: 16 rows, relative L2")
    assert main(["verify", *map(str, words), "--images", str(tmp_path)]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--onnx", "{net}"],
            "there is nothing to compare it with; add a second --onnx FILE, --precision int8 or --graph",
        ),
        (["--models", NAME, "--precision", "int8"], "--precision: it is for files; add --onnx FILE"),
        (["--onnx", "{net}", "--models", NAME, "--precision", "int8"], "verify one of them at a time"),
    ],
)
def test_files_that_cannot_be_compared_are_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = classifier_file(tmp_path / "net.onnx", [1, 3, 32, 32])
    assert main(["verify", *(word.format(net=net) for word in words)]) == 2
    assert message in capsys.readouterr().err


def test_the_parser_judges_every_precision_by_its_own_rules(
    converted: Callable[..., Series],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed")
    asked: list[ArtifactRequest] = []

    def convert_all(request: ArtifactRequest, *_: object) -> list[Series]:
        asked.append(request)
        return [converted(NAME, precision=request.precision, weight=2.0)]

    monkeypatch.setattr(conversions, "convert_all", convert_all)
    code = main(["verify", "--models", NAME, "--parser", "--cache-dir", str(tmp_path / "cache")])
    lines = capsys.readouterr().out.splitlines()
    assert code == 1, "the network of these series is an fp32 one"
    assert lines[0].startswith(f"{NAME} fp32: ")
    assert "layers, parsed in" in lines[0]
    assert lines[1].startswith(f"{NAME} fp16: failed: FP16 was requested, but the graph is FP32")
    assert lines[2].startswith(f"{NAME} int8: failed: INT8 was requested, but the graph has no QuantizeLinear")
    assert lines[-1] == "tensorrt-rtx 1.7.1.116 parsed and built 1 of 3 artifacts"
    assert [(one.precision, one.backend) for one in asked] == [
        (precision, "tensorrt-rtx") for precision in ("fp32", "fp16", "int8")
    ]
