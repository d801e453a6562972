"""`harness convert` as it is called."""

from __future__ import annotations

import pytest

from harness.__main__ import main
from harness.commands import convert, run
from harness.commands.parser import parse


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
