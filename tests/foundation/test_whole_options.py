"""Beginnings of options are refused, in commands too."""

from __future__ import annotations

import pytest

from foundation.whole_options import WholeOptionsParser
from reports.cli import build_parser as reports_parser
from zoo.cli import build_parser as zoo_parser


def test_the_beginning_of_an_option_is_not_the_option() -> None:
    parser = WholeOptionsParser()
    command = parser.add_subparsers().add_parser("judge")
    command.add_argument("--models")
    assert parser.parse_args(["judge", "--models", "all"]).models == "all"
    with pytest.raises(SystemExit):
        parser.parse_args(["judge", "--model", "all"])


@pytest.mark.parametrize(
    ("parser", "words"),
    [
        (zoo_parser(), ["fetch", "--weights-loc", "lock.json"]),
        (zoo_parser(), ["fetch", "--mirr", "there"]),
        (reports_parser(), ["csv", "results", "--outp", "rows.csv"]),
    ],
    ids=["fetch lock", "fetch mirror", "reports csv"],
)
def test_every_program_of_the_project_wants_whole_options(
    parser: WholeOptionsParser, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(words)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert f"unrecognized arguments: {words[-2]}" in told or "required: -o/--output" in told
