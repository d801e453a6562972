"""`harness convert` as it is called."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.artifacts import conversions
from harness.commands import convert, run
from harness.commands.parser import parse
from harness.records.series import Series


def test_float16_input_is_for_fp16_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "--models", "smoke", "--float16-io"]) == 2
    assert "--float16-io: add --precision fp16" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "scheme"),
    [
        (["convert"], "tensorrt"),
        (["convert", "--int8-scheme", "onnxruntime"], "onnxruntime"),
        (["run", "--backend", "onnxruntime"], "onnxruntime"),
        (["run", "--int8-scheme", "tensorrt"], "tensorrt"),
    ],
)
def test_int8_follows_the_rules_of_what_will_run_it(command: list[str], scheme: str) -> None:
    options = parse([*command, "--models", "smoke", "--precision", "int8"]).options
    wanted = convert.request_of(options) if command[0] == "convert" else run.request_of(options).wanted
    (request, *_) = wanted.conversions()
    assert (request.precision, request.options.int8_scheme) == ("int8", scheme)


def test_a_parser_that_is_asked_for_judges_what_was_converted(
    converted: Callable[..., Series],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed")
    series = converted()
    monkeypatch.setattr(conversions, "convert_all", lambda *_: [series])
    words = ["convert", "--models", "smoke", "--check-parser", "--cache-dir", str(tmp_path / "cache")]
    assert main(words) == 0
    printed = capsys.readouterr()
    path, verdict = printed.out.splitlines()
    assert path == f"{series.model}\t{series.artifact_path}"
    assert "layers, parsed in" in verdict
    assert "parsed and built 1 of 1 artifact" in printed.err
    monkeypatch.setattr(conversions, "convert_all", lambda *_: [dataclasses.replace(series, precision="fp16")])
    assert main(words) == 1
    assert "FP16 was requested" in capsys.readouterr().out
