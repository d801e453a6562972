"""A job that was merged before its command ended is completed by the same command."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HostsError
from harness.hosts.carried import Errand, carry_out
from harness.hosts.job import Job, Parts, parts_of

JOB = Job("accuracy", ("--images", "/val"), "--output")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The whole, beside the pieces that it was merged from."""
    output = tmp_path / "out"
    output.mkdir()
    (output / "results.csv").touch()
    Parts(parts_of(output), JOB, 3).__exit__()
    return output


def test_reports_are_written_before_the_pieces_go(output: Path) -> None:
    there: list[bool] = []

    def write_reports(folder: Path) -> None:
        assert folder == output
        there.append(parts_of(output).is_dir())

    said: list[str] = []
    assert carry_out(Errand(JOB, output, 3, 1, write_reports=write_reports), said.append) == [output]
    assert there == [True]
    assert said == [f"the pieces in {parts_of(output)} were merged already"]
    assert not parts_of(output).exists()


def test_a_command_that_ends_while_reports_are_written_can_be_repeated(output: Path) -> None:
    def interrupt(folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(Errand(JOB, output, 3, 1, write_reports=interrupt), print)
    assert carry_out(Errand(JOB, output, 3, 1), print) == [output]


def test_a_folder_of_something_else_is_no_place_for_the_whole(output: Path) -> None:
    other = Job("accuracy", ("--images", "/other"), "--output")
    with pytest.raises(HostsError, match="is there already"):
        carry_out(Errand(other, output, 3, 1), print)
