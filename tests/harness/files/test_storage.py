"""Storage that survives kills and full disks, on real files."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import StorageError
from harness.files.journal import Journal
from harness.files.storage import explained, remove_temporary_files, replace_json, replace_text

# A process that may write files of 600 bytes: the kernel then accepts a part of a line, as with a full disk.
_SMALL_DISK = """
import resource, sys
from pathlib import Path
from harness.errors import StorageError
from harness.files.journal import Journal
from harness.files.storage import replace_text
directory = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
journal = Journal(directory / "trials.jsonl")
stored = 0
try:
    while True:
        journal.append({"number": stored, "padding": "x" * 100})
        stored += 1
except StorageError as error:
    print(error)
# Once rolled back, what fits still goes in.
journal.append({"last": True})
try:
    replace_text(directory / "results.csv", "y" * 1000)
except StorageError as error:
    print(error)
print(stored)
"""

_APPENDS_UNTIL_KILLED = """
import sys
from pathlib import Path
from harness.files.journal import Journal
journal = Journal(Path(sys.argv[1]))
number = 0
while True:
    journal.append({"number": number, "padding": "x" * 5000})
    print(number, flush=True)
    number += 1
"""


def test_a_journal_gives_back_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    journal = Journal(path)
    journal.append({"a": 1})
    journal.append({"b": "two\nlines, µ"})
    journal.close()
    assert Journal(path).entries == [{"a": 1}, {"b": "two\nlines, µ"}]


@pytest.mark.parametrize("torn", [b'{"b": 2', b'{"b": 2}', b"\0\0\0", b'{"b": \n', b"\n"])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_bytes(b'{"a": 1}\n' + torn)
    journal = Journal(path)
    assert journal.entries == [{"a": 1}]
    journal.append({"c": 3})
    journal.close()
    assert path.read_bytes() == b'{"a": 1}\n{"c": 3}\n'


def test_a_damaged_line_before_the_last_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    content = b'{"a": 1}\n{"b": \n{"c": 3}\n'
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"line 2 is not JSON.*Remove that line"):
        Journal(path)
    assert path.read_bytes() == content


def test_a_killed_writer_loses_no_line_it_reported(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", _APPENDS_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    reported = [int(process.stdout.readline()) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    reported += [int(line) for line in process.stdout.read().split()]
    process.wait()
    numbers = [entry["number"] for entry in Journal(path).entries]
    # One more line may have reached the disk than the writer lived to report.
    assert numbers[: len(reported)] == reported
    assert len(numbers) <= len(reported) + 1


def test_a_full_disk_keeps_every_whole_line_and_says_how_to_resume(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("the former table")
    done = subprocess.run(
        [sys.executable, "-c", _SMALL_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    message, second_message, stored = done.stdout.splitlines()
    assert "No space left" in message
    assert "trials.jsonl" in message
    assert "same --output" in message
    assert "results.csv" in second_message
    entries = Journal(tmp_path / "trials.jsonl").entries
    assert [entry.get("number") for entry in entries] == [*range(int(stored)), None]
    assert int(stored) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.csv", "trials.jsonl"]
    assert (tmp_path / "results.csv").read_text() == "the former table"


def test_a_failed_sync_takes_the_line_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trials.jsonl"
    journal = Journal(path)
    journal.append({"a": 1})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="Every finished trial is still stored"):
            journal.append({"b": 2})
    journal.append({"c": 3})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"a": 1}, {"c": 3}]


def test_replacing_keeps_the_old_file_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.csv"
    replace_text(path, "old")

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            replace_text(path, "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("results.csv", "old")]


def test_replaced_json_is_read_back(tmp_path: Path) -> None:
    replace_json(tmp_path / "run.json", {"device": "µ", "threads": None})
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8")) == {"device": "µ", "threads": None}


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".results.csv.123.tmp", "results.csv", "mine.tmp"):
        (tmp_path / name).touch()
    remove_temporary_files(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.tmp", "results.csv"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "No space left.*Free some space"),
        (errno.EDQUOT, "No space left"),
        (errno.EACCES, "Not allowed to write.*Give --output a directory"),
        (errno.EROFS, "Not allowed to write"),
        (errno.EIO, "Cannot use.*Check the path"),
    ],
)
def test_every_failure_says_what_to_do(number: int, message: str) -> None:
    with pytest.raises(StorageError, match=message), explained(Path("there")):
        raise OSError(number, os.strerror(number))
