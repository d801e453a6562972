from __future__ import annotations

import os
import re

import pytest

from tests.fakes.checkpoints import Notes
from zoo.checkpoints import FetchError, FetchSettings
from zoo.checkpoints.lockfile import LockFile

A, B = "a" * 64, "b" * 64


@pytest.fixture
def lock(tmp_path):
    return LockFile(tmp_path / "team" / "checkpoints.lock.toml", tmp_path / "guard", Notes())


def test_there_is_none_yet(lock):
    assert lock.read() == {}


def test_pins_are_read_back(lock):
    lock.pin({"https://b/file": B})
    lock.pin({"https://a/file#member": A})
    assert lock.read() == {"https://a/file#member": A, "https://b/file": B}


def test_one_line_per_file_in_the_order_of_their_urls(lock):
    lock.pin({"https://b": B, "https://c": A})
    before = lock.path.read_text()
    lock.pin({"https://a": A})
    assert lock.path.read_text() == before.replace('"https://b"', f'"https://a" = "{A}"\n"https://b"')
    assert re.search(r"^# .*\n# .*Commit", before)


def test_what_is_pinned_is_not_written_again(lock):
    lock.pin({"https://b": B})
    before = lock.path.stat()

    lock.pin({"https://b": B})
    after = lock.path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_pin_is_never_replaced(lock):
    lock.pin({"https://b": B})
    with pytest.raises(FetchError, match=r"another process fetched"):
        lock.pin({"https://b": A})
    assert lock.read() == {"https://b": B}


def test_others_may_read_it(lock):
    former = os.umask(0o022)
    try:
        lock.pin({"https://b": B})
    finally:
        os.umask(former)
    assert lock.path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "text",
    [
        '<<<<<<< HEAD\n"https://a" = 1',
        "",
        "version = 2",
        "version = " + "[" * 50_000,
        "version = 1\nsha256 = 3",
        'version = 1\n[sha256]\n"https://a" = "abc"',
        'version = 1\n[sha256]\n"https://a" = 5',
        f'version = 1\n[sha256]\n"https://a" = "{A}"\n"https://a" = "{A}"',
    ],
)
def test_what_is_not_a_lock_file(lock, text):
    lock.path.parent.mkdir()
    lock.path.write_text(text)
    with pytest.raises(FetchError, match=r"checkpoints\.lock\.toml is not a lock file.*fix it"):
        lock.read()
    assert lock.path.read_text() == text


def test_bytes_that_are_not_text(lock):
    lock.path.parent.mkdir()
    lock.path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FetchError, match=r"is not a lock file"):
        lock.read()


def test_a_folder_in_its_place(lock):
    lock.path.mkdir(parents=True)
    with pytest.raises(FetchError, match=r"cannot use .*--lock"):
        lock.read()


def test_caches_that_share_a_lock_file_write_it_one_at_a_time(tmp_path):
    lock = tmp_path / "team.toml"
    one = FetchSettings(tmp_path / "a", lock=lock)
    other = FetchSettings(tmp_path / "b", lock=tmp_path / "b" / ".." / "team.toml")
    assert one.lock_guard == other.lock_guard
    assert one.lock_guard.parent != tmp_path
    assert one.lock_guard != FetchSettings(tmp_path / "a", lock=tmp_path / "another.toml").lock_guard


def test_the_caches_own_lock_file_is_guarded_in_the_cache_however_it_is_named(tmp_path):
    own = FetchSettings(tmp_path)
    assert own.lock_guard == tmp_path / "checkpoints" / "lock-file"
    assert FetchSettings(tmp_path, lock=own.lock_path).lock_guard == own.lock_guard
