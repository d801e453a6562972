from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foundation.replacing import remove_temporary_files, replace_json, replace_text, replacing

_BLOCKS_BEFORE_THE_MOVE = """
import sys, time
from pathlib import Path
from foundation.replacing import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half of it")
    print("written", flush=True)
    time.sleep(600)
"""


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _fails_with(number: int) -> object:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_file_is_there_when_its_block_ends_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replacing(path) as temporary:
        temporary.write_bytes(b"content")
        assert temporary.parent == tmp_path
        assert not path.exists()
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("file", b"content")]


def test_a_text_is_written_as_it_is(tmp_path: Path) -> None:
    replace_text(tmp_path / "file", "µ\nb\r\n")
    assert (tmp_path / "file").read_bytes() == b"\xc2\xb5\nb\r\n"


def test_json_is_read_back(tmp_path: Path) -> None:
    replace_json(tmp_path / "file.json", {"device": "µ", "threads": None})
    assert json.loads((tmp_path / "file.json").read_text(encoding="utf-8")) == {"device": "µ", "threads": None}


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_a_block_that_fails_leaves_the_former_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file"
    replace_text(path, "old")

    def write() -> None:
        with replacing(path) as temporary:
            temporary.write_text("new")
            raise error

    with pytest.raises(type(error)):
        write()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "old")]


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock.toml"
    replace_text(path, "old")
    monkeypatch.setattr(os, "fsync", _fails_with(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        replace_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_value_that_is_not_json_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    replace_json(path, "old")
    with pytest.raises(TypeError):
        replace_json(path, object())
    assert json.loads(path.read_text()) == "old"


def test_file_and_folder_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    replace_text(tmp_path / "file", "content")
    assert synced == ([False] if os.name == "nt" else [False, True])


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot open folders")
@pytest.mark.parametrize(("number", "tolerated"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_a_file_system_that_cannot_sync_folders_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, tolerated: bool
) -> None:
    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    if tolerated:
        replace_text(tmp_path / "file", "content")
    else:
        with pytest.raises(OSError, match=os.strerror(number)):
            replace_text(tmp_path / "file", "content")
    assert (tmp_path / "file").read_text() == "content"


@pytest.mark.skipif(os.name == "nt", reason="no umask there")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_mode_is_what_the_umask_says(tmp_path: Path, mask: int, mode: int) -> None:
    with _umask(mask):
        replace_text(tmp_path / "file", "content")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_threads_that_replace_one_file_at_once_leave_one_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "file"
    texts = [str(number) * 10_000 for number in range(8)]
    barrier = threading.Barrier(len(texts))

    def write(text: str) -> None:
        with replacing(path) as temporary:
            temporary.write_text(text)
            barrier.wait(10)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="no signals there")
def test_what_a_killed_writer_leaves_is_removed_and_the_former_file_is_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    writer = subprocess.Popen(
        [sys.executable, "-c", _BLOCKS_BEFORE_THE_MOVE, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "written\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    remove_temporary_files(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_but_temporary_files_is_removed(tmp_path: Path) -> None:
    for name in (".file.123.tmp", "file", "mine.tmp", ".hidden"):
        (tmp_path / name).touch()
    remove_temporary_files(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "file", "mine.tmp"]
