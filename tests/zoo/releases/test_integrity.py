from __future__ import annotations

import os
import shutil
import sys
import zlib

import pytest

from tests.fakes.releases import commit, git
from zoo.releases.checkout import check_out
from zoo.releases.integrity import departure


@pytest.fixture
def folder(upstream, tmp_path):
    return check_out(upstream.pin("toy"), tmp_path)


def test_a_fresh_checkout_has_no_difference(folder, upstream):
    assert departure(folder, upstream.pin("toy")) == ""


def test_an_edit_is_found_though_size_and_time_are_the_same(folder, upstream):
    """`git status` believes the index, which knows only those."""
    file = folder / "toy" / "network.py"
    before = file.stat()
    file.write_text("WIDTH = 9\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert departure(folder, upstream.pin("toy")) == "edited: toy/network.py"


def test_a_file_beside_the_releases_is_found_though_it_is_ignored(folder, upstream):
    (folder / "toy" / "__pycache__").mkdir()
    (folder / "toy" / "__pycache__" / "network.cpython-311.pyc").write_bytes(b"evil")
    (folder / "torch.py").write_text("evil\n")
    found = departure(folder, upstream.pin("toy"))
    assert found == "not of the release: torch.py, toy/__pycache__/network.cpython-311.pyc"


def test_a_file_that_is_gone_is_found(folder, upstream):
    (folder / "toy" / "network.py").unlink()
    assert departure(folder, upstream.pin("toy")) == "missing: toy/network.py"


def test_a_folder_that_was_never_fetched_is_missing_where_it_is_wanted(folder, upstream):
    assert departure(folder, upstream.pin("other")) == "missing: other/large.txt"
    assert departure(folder, upstream.pin()) == "missing: .gitignore, other/large.txt"


def test_another_commit_is_found(folder, upstream):
    assert "is at commit" in departure(folder, upstream.pin("toy", commit="b" * 40))


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_part_of_a_release(upstream, tmp_path):
    (upstream.folder / "toy" / "link").symlink_to("network.py")
    (upstream.folder / "toy" / "folder").symlink_to(".")
    pin = upstream.pin("toy", commit=commit(upstream.folder, {}))
    folder = check_out(pin, tmp_path)
    assert departure(folder, pin) == ""
    (folder / "toy" / "link").unlink()
    (folder / "toy" / "link").symlink_to("/etc/passwd")
    assert departure(folder, pin) == "edited: toy/link"


def forge(folder, name: str, kind: str, content: bytes) -> None:
    """Puts an object into a repository under an id that is not its own."""
    path = folder / ".git" / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(zlib.compress(f"{kind} {len(content)}\0".encode() + content))


def unpack(folder) -> None:
    """Takes a repository's objects out of their packs, in which git would look first."""
    for pack in (folder / ".git" / "objects" / "pack").glob("*.pack"):
        aside = pack.rename(folder.parent / pack.name)
        for rest in (folder / ".git" / "objects" / "pack").glob(f"{pack.stem}.*"):
            rest.unlink()
        with aside.open("rb") as packed:
            import subprocess

            subprocess.run(["git", "unpack-objects", "-q"], cwd=folder, stdin=packed, check=True)


def test_a_repository_that_was_rewritten_below_its_ids_is_found(folder, upstream):
    """A tree that names another file under the old tree's id, and the file to go with it."""
    unpack(folder)
    tree = git(folder, "rev-parse", "HEAD:toy")
    file = folder / "toy" / "network.py"
    old = git(folder, "rev-parse", "HEAD:toy/network.py")
    file.write_text("WIDTH = 9\n")
    new = git(folder, "hash-object", "-w", "toy/network.py")
    content = (folder / ".git" / "objects" / tree[:2] / tree[2:]).read_bytes()
    listing = zlib.decompress(content).partition(b"\0")[2]
    forge(folder, tree, "tree", listing.replace(bytes.fromhex(old), bytes.fromhex(new)))
    assert f"{tree} of its repository does not match its id" in departure(folder, upstream.pin("toy"))


def test_a_folder_that_is_not_a_repository_is_not_taken_for_the_one_around_it(folder, upstream):
    shutil.rmtree(folder / ".git")
    assert "not a git repository" in departure(folder, upstream.pin("toy"))


def test_a_repository_that_lost_an_object_is_reported(folder, upstream):
    unpack(folder)
    tree = git(folder, "rev-parse", "HEAD:toy")
    (folder / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    git(folder, "remote", "remove", "origin")
    assert departure(folder, upstream.pin("toy")) != ""
