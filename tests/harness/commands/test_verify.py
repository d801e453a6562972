"""`harness verify` as it is called; what it compares has tests in `artifacts`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from converters.pool import Conversion
from converters.request import ConversionRequest
from harness.__main__ import main
from harness.artifacts import conversions
from harness.artifacts.request import ArtifactRequest
from harness.records.series import Series

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
