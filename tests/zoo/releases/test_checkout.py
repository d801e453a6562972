from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from tests.fakes.releases import FILES, URL, commit, git
from zoo.errors import MissingSourcesError, ReleaseError
from zoo.releases import checkout
from zoo.releases.checkout import check_out, checkout_dir, fetch_command, find
from zoo.releases.pins import pins_of


def present(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts
    }


def test_a_commit_is_cloned_byte_for_byte_through_instead_of(upstream, tmp_path):
    told = []
    folder = check_out(upstream.pin(), tmp_path / "cache", told.append)
    assert folder == tmp_path / "cache" / "releases" / f"toy@{upstream.commit}"
    assert present(folder) == set(FILES)
    assert all((folder / name).read_bytes() == text.encode() for name, text in FILES.items())
    assert told == [f"toy: cloning {URL} at {upstream.commit[:12]}"]


def test_only_the_folders_that_are_needed_are_there_with_the_licence(upstream, tmp_path):
    folder = check_out(upstream.pin("toy"), tmp_path)
    assert present(folder) == {name for name in FILES if name.startswith("toy/")} | {"LICENSE"}


def test_files_outside_those_folders_are_not_even_fetched_where_the_server_can_filter(upstream, tmp_path):
    upstream.configure("uploadpack.allowFilter", "true")
    folder = check_out(upstream.pin("toy"), tmp_path)
    objects = git(folder, "rev-list", "--objects", "--all", "--missing=print", "HEAD").splitlines()
    absent = {line[1:] for line in objects if line.startswith("?")}
    assert git(upstream.folder, "rev-parse", "HEAD:other/large.txt") in absent
    assert git(upstream.folder, "rev-parse", "HEAD:toy/network.py") not in absent


def test_no_more_history_than_the_commit_is_fetched(upstream, tmp_path):
    newer = commit(upstream.folder, {"toy/network.py": "WIDTH = 4\n"})
    folder = check_out(upstream.pin(commit=newer), tmp_path)
    assert git(folder, "rev-list", "--count", "HEAD") == "1"


@pytest.mark.parametrize("folders", [(), ("toy",)])
def test_a_server_that_does_not_serve_a_bare_commit_is_cloned_whole(upstream, tmp_path, folders):
    commit(upstream.folder, {"toy/network.py": "WIDTH = 4\n"})
    # Under the first protocol a server serves only what a branch or a tag names.
    upstream.configure("protocol.version", "0")
    folder = check_out(upstream.pin(*folders), tmp_path)
    assert (folder / "toy" / "network.py").read_text() == "WIDTH = 3\n"
    assert git(folder, "branch", "--remotes") == "origin/main"


def test_a_checkout_that_is_there_needs_neither_network_nor_server(upstream, tmp_path):
    first = check_out(upstream.pin(), tmp_path)
    shutil.rmtree(upstream.folder)
    told = []
    assert check_out(upstream.pin(), tmp_path, told.append) == first
    assert told == []


def test_a_commit_that_the_repository_does_not_have_is_refused(upstream, tmp_path):
    with pytest.raises(ReleaseError, match=f"{URL} does not serve commit {'a' * 40}.*complete mirror.*fetch --sources"):
        check_out(upstream.pin(commit="a" * 40), tmp_path)
    assert list((tmp_path / "releases").glob("*")) == list((tmp_path / "releases").glob(".*.lock"))


def test_a_repository_that_cannot_be_reached_is_reported_with_a_way_out(upstream, tmp_path):
    shutil.rmtree(upstream.folder)
    with pytest.raises(ReleaseError, match=rf"{URL} cannot be reached: .*insteadOf {URL}; then run again: python"):
        check_out(upstream.pin(), tmp_path)
    assert not checkout_dir(upstream.pin(), tmp_path).exists()


def test_a_name_that_does_not_resolve_is_reported(upstream, tmp_path, monkeypatch):
    upstream.config.write_text("")
    with pytest.raises(ReleaseError, match=f"{URL} cannot be reached: .*[Cc]ould not resolve"):
        check_out(upstream.pin(), tmp_path)


def test_without_git_the_message_says_what_to_install(upstream, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReleaseError, match=f"git is not in PATH, and is needed to fetch {URL}: install it"):
        check_out(upstream.pin(), tmp_path)


@pytest.mark.parametrize("text", ["fatal: write error: No space left on device", "error: Disk quota exceeded"])
def test_a_full_disk_that_git_reports_is_reported_once(upstream, tmp_path, monkeypatch, text):
    calls = []

    def full(*_arguments):
        calls.append(1)
        raise checkout.GitError(text)

    monkeypatch.setattr(checkout, "_clone", full)
    with pytest.raises(ReleaseError, match=rf"{URL} cannot be kept in .*releases: no space left, \d+ MiB.*--cache-dir"):
        check_out(upstream.pin("toy"), tmp_path)
    assert len(calls) == 1


def test_a_full_disk_that_the_system_reports_is_reported(upstream, tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkout, "_clone", full)
    with pytest.raises(ReleaseError, match=r"no space left.*then run again"):
        check_out(upstream.pin(), tmp_path)


def test_a_cache_that_may_not_be_written_is_reported(upstream, tmp_path):
    (tmp_path / "releases").write_text("a file in the folder's place")
    with pytest.raises(ReleaseError, match=r"cannot be kept in .*releases"):
        check_out(upstream.pin(), tmp_path)


def test_a_checkout_that_was_edited_is_refused_and_left_alone(upstream, tmp_path):
    folder = check_out(upstream.pin(), tmp_path)
    (folder / "toy" / "network.py").write_text("WIDTH = 5\n")
    for use in (find, check_out):
        with pytest.raises(ReleaseError, match=r"edited: toy/network\.py; remove the folder"):
            use(upstream.pin(), tmp_path)
    assert (folder / "toy" / "network.py").read_text() == "WIDTH = 5\n"


def test_a_missing_checkout_is_answered_with_the_command(tmp_path):
    (pin,) = pins_of(["gpunet"])
    with pytest.raises(MissingSourcesError, match=r"DeepLearningExamples at 729963dd47e7.*fetch --sources gpunet$"):
        find(pin, tmp_path)


def test_the_command_names_a_source_that_the_pin_belongs_to(upstream):
    assert fetch_command(pins_of(["fbnet"])[1]) == "python -m zoo fetch --sources fbnet"
    assert fetch_command(upstream.pin()) == "python -m zoo fetch --sources"


def test_the_users_hooks_and_filters_do_not_run(upstream, tmp_path):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\n")
        (hooks / name).chmod(0o755)
    upstream.configure("core.hooksPath", str(hooks))
    upstream.configure("filter.spoil.smudge", "sed s/3/7/")
    upstream.configure("core.attributesFile", str(tmp_path / "attributes"))
    (tmp_path / "attributes").write_text("*.py filter=spoil\n")
    folder = check_out(upstream.pin(), tmp_path / "cache")
    assert (folder / "toy" / "network.py").read_text() == "WIDTH = 3\n"
    assert not (tmp_path / "hook-ran").exists()


def test_a_call_from_within_another_repository_does_not_touch_it(upstream, tmp_path, monkeypatch):
    """As when a git hook runs the command: git then names its own repository in the environment."""
    monkeypatch.setenv("GIT_DIR", str(upstream.folder / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(upstream.folder / ".git" / "index"))
    folder = check_out(upstream.pin(), tmp_path)
    assert (folder / ".git" / "HEAD").read_text().strip() == upstream.commit
    assert (upstream.folder / ".git" / "HEAD").read_text().strip() == "ref: refs/heads/main"


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions there")
def test_a_checkout_is_for_everyone_whom_the_umask_allows(upstream, tmp_path):
    before = os.umask(0o022)
    try:
        folder = check_out(upstream.pin(), tmp_path)
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert not list(folder.parent.glob(".staging-*"))


def test_two_processes_at_once_get_one_clone(upstream, tmp_path):
    script = (
        "import sys; from pathlib import Path; from zoo.releases.checkout import check_out; "
        "from zoo.releases.pins import Pin; "
        f"pin = Pin('toy', {URL!r}, {upstream.commit!r}, ('toy',)); "
        f"check_out(pin, Path({str(tmp_path)!r}), print)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sum("cloning" in text for text, _ in outputs) == 1
    assert [path.name for path in (tmp_path / "releases").iterdir() if path.is_dir()] == [f"toy@{upstream.commit}"]


def test_a_process_waits_for_the_one_that_clones(upstream, tmp_path):
    folder = checkout_dir(upstream.pin(), tmp_path)
    folder.parent.mkdir()
    found = []
    thread = threading.Thread(target=lambda: found.append(check_out(upstream.pin(), tmp_path)))
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive()
        assert not folder.exists()
    thread.join(timeout=60)
    assert found == [folder]


def test_a_process_does_not_wait_for_ever(upstream, tmp_path, monkeypatch):
    monkeypatch.setattr(checkout, "LOCK_TIMEOUT_S", 0.1)
    folder = checkout_dir(upstream.pin(), tmp_path)
    folder.parent.mkdir()
    with (
        FileLock(folder.with_name(f".{folder.name}.lock")),
        pytest.raises(ReleaseError, match=rf"another process has been cloning {URL}.*\.lock: end it"),
    ):
        check_out(upstream.pin(), tmp_path)
