"""`harness verify` as it is called; what it compares has tests in `artifacts`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from converters.pool import Conversion
from converters.request import ConversionRequest
from harness.__main__ import main
from harness.artifacts import conversions
from harness.artifacts.request import ArtifactRequest

NAME = "regnet/RegNetX-200MF"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--limit", "3"], "--ground-truth and --limit need --images DIR"),
        (["--ground-truth", "labels.txt"], "--ground-truth and --limit need --images DIR"),
        (["--weights", "released"], "the results of the releases are recorded for probe weights; add --images DIR"),
        (["--images", "gone"], "gone"),
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
