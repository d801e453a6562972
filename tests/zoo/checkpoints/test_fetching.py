"""From a card to a verified file: archives, digests, the cache, other processes' work."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os

import pytest

import zoo
from tests.fakes import release_server as replies
from tests.fakes.checkpoints import checkpoint_bytes, files_under, zip_bytes
from zoo.checkpoints import FetchError, fetch
from zoo.checkpoints.fetching import cached_path
from zoo.checkpoints.partial import PartialFile

PATH = "/releases/resnest50.pth"
DATA = checkpoint_bytes()
SHA256 = hashlib.sha256(DATA).hexdigest()
MEMBER = "lanas/top1.pt"


@pytest.fixture
def url(server):
    server.files[PATH] = DATA
    return server.url(PATH)


def test_a_model_that_was_never_published(settings):
    with pytest.raises(FetchError, match=r"no checkpoint of efficientnet_x/.* was ever published"):
        fetch(zoo.card("efficientnet_x/efficientnet-x-b0"), settings)


def test_the_digest_in_the_files_name_holds(url, card_of, settings):
    assert fetch(card_of(url, sha256_prefix=SHA256[:8], tag="step1"), settings).tag == "step1"


def test_another_digest_than_the_release_states(url, card_of, settings):
    with pytest.raises(FetchError, match=r"the release states a SHA-256 that begins 528c19ca.*not kept") as caught:
        fetch(card_of(url, sha256_prefix="528c19ca"), settings)
    assert SHA256 in str(caught.value)
    assert url in str(caught.value)
    assert files_under(settings.folder) == []


def test_a_cached_file_that_was_damaged_is_reported(url, card_of, settings):
    path = fetch(card_of(url), settings).path
    path.write_bytes(DATA[:-1] + b"x")
    with pytest.raises(FetchError, match=r"Remove the file and fetch again") as caught:
        fetch(card_of(url), settings)
    for named in (str(path), url, SHA256, hashlib.sha256(path.read_bytes()).hexdigest(), "lock.toml"):
        assert named in str(caught.value)
    path.unlink()
    assert fetch(card_of(url), settings).sha256 == SHA256


def test_a_release_that_changed_since_it_was_locked(url, card_of, settings, server, tmp_path):
    lock = tmp_path / "team.toml"
    fetch(card_of(url), dataclasses.replace(settings, lock=lock))
    server.files[PATH] = checkpoint_bytes(seed=1)
    elsewhere = dataclasses.replace(settings, cache_dir=tmp_path / "elsewhere", lock=lock)
    with pytest.raises(FetchError, match=r"remove its line from that lock file") as caught:
        fetch(card_of(url), elsewhere)
    for named in (str(lock), url, SHA256, hashlib.sha256(server.files[PATH]).hexdigest()):
        assert named in str(caught.value)
    assert files_under(elsewhere.folder) == []


def test_a_cached_file_is_verified_against_a_teams_lock(url, card_of, settings, tmp_path):
    fetch(card_of(url), settings)
    lock = tmp_path / "team.toml"
    lock.write_text(f'version = 1\n[sha256]\n"{url}" = "{"0" * 64}"\n')
    with pytest.raises(FetchError, match=rf"team.toml states the SHA-256 {'0' * 64}"):
        fetch(card_of(url), dataclasses.replace(settings, lock=lock))


@pytest.fixture
def archive(server, card_of):
    """The card of an archive that the server holds."""
    server.files["/lanet/zip"] = zip_bytes({MEMBER: DATA, "lanas/README": b"weights"})
    return card_of(server.url("/lanet/zip"), archive_member=MEMBER)


def test_the_member_of_an_archive(archive, settings, server):
    found = fetch(archive, settings)
    assert found.path.read_bytes() == DATA
    assert found.path.name == "top1.pt"
    assert found.sha256 == SHA256
    assert found.download_sha256 == hashlib.sha256(server.files["/lanet/zip"]).hexdigest()
    host = server.address.removeprefix("http://").replace(":", "_")
    expected = [f"{host}/lanet/zip", f"{host}/lanet/zip.members/top1.pt", "lock.toml"]
    assert files_under(settings.folder) == expected
    assert f'"{archive.checkpoint.url}#{MEMBER}" = "{SHA256}"' in settings.lock_path.read_text()


def test_a_member_that_was_removed_is_unpacked_again(archive, settings, server):
    first = fetch(archive, settings)
    first.path.unlink()
    assert fetch(archive, settings) == first
    assert first.path.read_bytes() == DATA
    assert len(server.requests) == 1


def test_a_member_that_was_damaged_is_reported(archive, settings):
    path = fetch(archive, settings).path
    path.write_bytes(b"damaged")
    with pytest.raises(FetchError, match=rf"#{MEMBER},.*Remove the file"):
        fetch(archive, settings)


def test_a_member_without_a_pinned_digest_is_unpacked_again(archive, settings, tmp_path):
    path = fetch(archive, settings).path
    path.write_bytes(checkpoint_bytes(seed=1))
    found = fetch(archive, dataclasses.replace(settings, lock=tmp_path / "team.toml"))
    assert (found.path.read_bytes(), found.sha256) == (DATA, SHA256)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (zip_bytes({"other.pt": DATA}), f"a ZIP archive of other.pt, without {MEMBER}"),
        (zip_bytes({MEMBER: DATA})[:-300], "truncated ZIP"),
        (zip_bytes({MEMBER: b"<html><title>Sign in</title></html>"}), f"its member {MEMBER} is an HTML page"),
        (zip_bytes({MEMBER: DATA, "../../evil": b"x"}), "leads out of the folder"),
        (b"<html><title>Sign in</title></html>", "HTML page that says 'Sign in'"),
        (DATA, f"without {MEMBER}"),
    ],
)
def test_what_is_not_the_archive(archive, settings, server, body, match):
    server.script("/lanet/zip", replies.instead(body))
    with pytest.raises(FetchError, match=match) as caught:
        fetch(archive, settings)
    assert archive.checkpoint.url in str(caught.value)
    assert files_under(settings.folder) == []


def test_an_archive_whose_member_was_damaged_on_the_way(archive, settings, server):
    data = bytearray(server.files["/lanet/zip"])
    data[len(data) // 2] ^= 0xFF
    server.files["/lanet/zip"] = bytes(data)
    with pytest.raises(FetchError, match=r"damaged archive"):
        fetch(archive, settings)
    assert files_under(settings.folder) == []


def test_without_a_network_the_cache_still_serves(url, card_of, settings, server):
    offline = dataclasses.replace(settings, offline=True)
    with pytest.raises(FetchError, match=r"not in the cache.*no network.*--mirror") as caught:
        fetch(card_of(url), offline)
    assert str(settings.folder) in str(caught.value)
    assert server.requests == []
    fetched = fetch(card_of(url), settings)
    assert fetch(card_of(url), offline) == fetched


def test_what_is_cached(url, card_of, settings):
    assert cached_path(card_of(url), settings) is None
    path = fetch(card_of(url), settings).path
    assert cached_path(card_of(url), settings) == path


def test_what_was_put_into_the_cache_by_hand_is_checked(url, card_of, settings):
    path = fetch(card_of(url), settings).path
    settings.lock_path.unlink()
    assert fetch(card_of(url), settings).sha256 == SHA256
    settings.lock_path.unlink()
    path.write_bytes(b"<html><title>Sign in</title></html>")
    with pytest.raises(FetchError, match=r"is an HTML page that says 'Sign in'. Remove the file and fetch again"):
        fetch(card_of(url), settings)
    assert not settings.lock_path.exists()


def test_a_full_disk_is_reported_and_resumed_from(url, card_of, settings, server, monkeypatch):
    opened = PartialFile.open

    class Full:
        """Takes a part of the file, like a disk that fills up."""

        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def __getattr__(self, name):
            return getattr(self._file, name)

        def write(self, data):
            self._file.write(data[:1000])
            self._file.flush()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(PartialFile, "open", lambda self, *arguments: Full(opened(self, *arguments)))
        with pytest.raises(FetchError, match=r"no space left to write .*free some and run the same command again"):
            fetch(card_of(url), settings)
    assert fetch(card_of(url), settings).sha256 == SHA256
    assert server.asked(PATH)[-1]["Range"] == "bytes=1000-"


def test_a_cache_that_cannot_be_made(url, card_of, settings, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchError, match=r"cannot use .*file.*--cache-dir"):
        fetch(card_of(url), dataclasses.replace(settings, cache_dir=tmp_path / "file" / "cache"))


def test_a_package_that_is_not_installed(url, card_of, settings, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "requests", None)
    with pytest.raises(FetchError, match=r"requests, which is not installed.*baseline-zoo\[weights\]"):
        fetch(card_of(url), settings)
