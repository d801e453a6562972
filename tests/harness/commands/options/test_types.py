"""Invalid values of options are refused."""

from __future__ import annotations

import pytest

from harness.__main__ import main
from harness.commands.parser import parse


@pytest.mark.parametrize("command", ["run", "gate"])
@pytest.mark.parametrize(
    ("option", "value"),
    [("--threads", "0"), ("--threads", "-1"), ("--block-groups", "0"), ("--block-ms", "nan"), ("--block-ms", "-1")],
)
def test_a_number_that_measures_nothing_is_refused(
    command: str, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse([command, option, value])
    assert f"argument {option}: {value!r} is not a " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--queue-depth", "0"),
        ("--workspace", "-5"),
        ("--workers", "-2"),
        ("--resolution", "0"),
        ("--half-width", "nan"),
    ],
)
def test_an_option_of_run_is_checked_for_its_range(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["run", option, value])
    assert f"argument {option}: {value!r} is not a " in capsys.readouterr().err


def test_a_wrong_duration_shows_the_right_form(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--models", "smoke", "--budget", "ten"])
    assert ended.value.code == 2
    assert "write 90s, 10m or 1.5h" in capsys.readouterr().err
