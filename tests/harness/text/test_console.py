from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import StorageError
from harness.text.console import append_to_step_summary, say, write


def test_lines_for_the_user_stand_beside_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    say("warning: hot")
    assert capsys.readouterr() == ("", "warning: hot\n")


def test_a_file_that_was_asked_for_is_written_into_a_new_folder(tmp_path: Path) -> None:
    write(tmp_path / "new" / "a.md", "é\n")
    assert (tmp_path / "new" / "a.md").read_bytes() == "é\n".encode()
    write(None, "nothing")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"a\.md cannot be written: ") as caught:
        write(tmp_path / "file" / "a.md", "text")
    assert caught.value.exit_code == 2


def test_a_summary_that_is_too_long_for_the_page_does_not_cost_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "step-summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    append_to_step_summary("first")
    append_to_step_summary("é" * 2**19)
    append_to_step_summary("last")
    assert summary.read_text().splitlines() == [
        "first",
        "A summary of 1024 KiB is too long for this page; --markdown FILE keeps it.",
        "last",
    ]
