"""From words to commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.commands import ENTRIES
from harness.commands.parser import parse


@pytest.mark.parametrize("command", [entry.name for entry in ENTRIES])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "usage: python -m harness" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["bogus"], "argument COMMAND: invalid choice: 'bogus'"),
        (["run", "--bogus"], "unrecognized arguments: --bogus"),
        (["run", "--bogus", "3"], "unrecognized arguments: --bogus 3\n"),
        (["run", "--ouput", "x"], "unrecognized arguments: --ouput x; did you mean --output?\n"),
        (["run", "-o", "x"], "unrecognized arguments: -o x; did you mean --output?\n"),
        (["run", "--round=3"], "unrecognized arguments: --round=3; did you mean --rounds?\n"),
        (["run", "mine.onnx"], "unrecognized arguments: mine.onnx; give each ONNX file as --onnx FILE\n"),
        (["run", "resnest50"], "unrecognized arguments: resnest50; give models as --models MODELS\n"),
        (["convert", "all", "--opset", "17"], "unrecognized arguments: all; give models as --models MODELS\n"),
        (["env", "all"], "unrecognized arguments: all\n"),
        (["gate", "base", "new", "--model", "mine:net"], "unrecognized arguments: --model"),
        (["list", "--model", "mine:net"], "unrecognized arguments: --model"),
        (["verify", "--calibration", "images"], "unrecognized arguments: --calibration"),
        (["history", "show", "all", "--las", "3"], "unrecognized arguments: --las"),
        (["--version"], "required: COMMAND"),
        (["--", "list"], "COMMAND"),
    ],
)
def test_wrong_words_are_2_and_a_line_that_says_why(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_the_help_of_the_program_has_a_line_for_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out.split()
    assert all(entry.name in told and entry.help.split()[-1] in told for entry in ENTRIES)


def test_a_parsed_command_knows_its_name() -> None:
    asked = parse(["report", "there"])
    assert (asked.name, asked.options.output) == ("report", Path("there"))


@pytest.mark.parametrize("command", [entry.name for entry in ENTRIES])
def test_no_command_takes_the_beginning_of_an_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = set(re.findall(r"(?<=\s)--[a-z0-9-]+", help_of(command, capsys)))
    beginnings = {option[:-1] for option in options} - options - {"--hel"}
    for beginning in sorted(beginnings):
        with pytest.raises(SystemExit):
            parse([command, beginning])
        told = capsys.readouterr().err
        assert "unrecognized arguments" in told or "are required" in told, (beginning, told)


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        parse([command, "--help"])
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("command", "default"),
    [("accuracy", "released (by default, for models of the zoo and of libraries)"), ("run", "probe (by default)")],
)
def test_help_names_the_weights_that_a_command_takes_by_default(
    command: str, default: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(command, capsys)
    assert default in text
    assert text.count("by default") == text.count("by default generated") + 1


@pytest.mark.parametrize("command", ["run", "convert", "build", "accuracy", "profile"])
def test_help_says_that_files_are_converted_too(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "what models, and --onnx files of fp32, are converted to" in help_of(command, capsys)
