"""A mirror is a copy of another cache's folder `checkpoints`, as a folder or behind a web server."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import shutil

import pytest

from tests.fakes import release_server as replies
from tests.fakes.checkpoints import checkpoint_bytes, files_under, zip_bytes
from zoo.checkpoints import FetchError, fetch

DATA = checkpoint_bytes()
URL = "https://dl.fbaipublicfiles.com/pycls/dds baselines/160905981/RegNetX-200MF.pyth"
PLACE = "dl.fbaipublicfiles.com/pycls/dds baselines/160905981/RegNetX-200MF.pyth"


@pytest.fixture
def card(card_of):
    return card_of(URL)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "mirror" / PLACE
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    return tmp_path / "mirror"


def test_a_folder(card, settings, folder, notes):
    found = fetch(card, dataclasses.replace(settings, mirror=str(folder), offline=True))
    assert found.path == settings.folder / PLACE
    assert found.path.read_bytes() == DATA
    assert found.url == URL
    assert notes.done_bytes == len(DATA)
    assert files_under(settings.folder) == [PLACE, "lock.toml"]


def test_a_folder_as_a_file_url(card, settings, folder):
    assert fetch(card, dataclasses.replace(settings, mirror=folder.as_uri())).path.read_bytes() == DATA


def test_the_environment_names_one(card, settings, folder, monkeypatch):
    monkeypatch.setenv("BASELINE_ZOO_MIRROR", str(folder))
    assert fetch(card, settings).path.read_bytes() == DATA


def test_a_setting_overrides_the_environment(card, settings, folder, monkeypatch):
    monkeypatch.setenv("BASELINE_ZOO_MIRROR", "/nowhere")
    assert fetch(card, dataclasses.replace(settings, mirror=str(folder))).path.read_bytes() == DATA


def test_a_url(card, settings, server):
    path = "/weights/" + PLACE.replace(" ", "%20")
    server.files[path] = DATA
    server.script(path, replies.cut(0.5), replies.well)
    found = fetch(card, dataclasses.replace(settings, mirror=server.url("/weights/")))
    assert found.path.read_bytes() == DATA
    assert [one for _, one, _ in server.requests] == [path, path]


@pytest.mark.parametrize("model", ["gpunet/GPUNet-0", "alphanet/a0", "efficientnet/efficientnet_b1"])
def test_a_copied_cache_serves_every_kind_of_release(card_of, settings, server, tmp_path, model, monkeypatch):
    """What one machine fetched, another takes: archives, Google Drive and the Hub alike."""
    import zoo
    from zoo.checkpoints.location import locate

    card = zoo.card(model)
    member = card.checkpoint.archive_member
    data = zip_bytes({member: DATA}) if member else DATA
    place = tmp_path / "first" / "checkpoints" / locate(card).path
    place.parent.mkdir(parents=True)
    place.write_bytes(data)
    first = fetch(card, dataclasses.replace(settings, cache_dir=tmp_path / "first", offline=True))
    mirror = shutil.copytree(tmp_path / "first" / "checkpoints", tmp_path / "mirror")
    second = fetch(card, dataclasses.replace(settings, mirror=str(mirror), offline=True, lock=mirror / "lock.toml"))
    assert (second.sha256, second.download_sha256) == (first.sha256, first.download_sha256)
    assert second.path.read_bytes() == DATA
    assert second.path.is_relative_to(settings.folder)


def test_a_file_that_the_folder_lacks(card, settings, tmp_path):
    (tmp_path / "mirror").mkdir()
    with pytest.raises(FetchError, match=r"holds no dl.fbaipublicfiles.com") as caught:
        fetch(card, dataclasses.replace(settings, mirror=str(tmp_path / "mirror")))
    assert URL in str(caught.value)
    assert files_under(settings.folder) == []


def test_a_file_that_is_too_large(card, settings, folder):
    with pytest.raises(FetchError, match=r"no released checkpoint comes near") as caught:
        fetch(card, dataclasses.replace(settings, mirror=str(folder), limit_bytes=len(DATA) - 1))
    assert str(folder / PLACE) in str(caught.value)
    assert files_under(settings.folder) == []


def test_a_folder_that_is_not_there(card, settings, tmp_path):
    with pytest.raises(FetchError, match=r"not a folder.*`checkpoints`"):
        fetch(card, dataclasses.replace(settings, mirror=str(tmp_path / "mirror")))


def test_a_password_in_the_url_is_sent_and_not_shown(card, settings, server, notes):
    path = "/weights/" + PLACE.replace(" ", "%20")
    server.files[path] = DATA
    with_password = server.url("/weights").replace("http://", "http://user:se%40cret@")
    asked = dataclasses.replace(settings, mirror=with_password)
    server.script(path, replies.status(503), replies.instead(b"<html>"), replies.cut(0.5), replies.status(404))
    for _ in range(2):
        with pytest.raises(FetchError) as caught:
            fetch(card, asked)
        assert server.address in str(caught.value)
        for text in (str(caught.value), *notes.notes, *(p.read_text() for p in settings.folder.rglob("*.json"))):
            assert "cret" not in text
    assert list(settings.folder.rglob("*.json"))
    credentials = base64.b64encode(b"user:se@cret").decode()
    assert all(headers["Authorization"] == f"Basic {credentials}" for headers in server.asked(path))
    server.script(path, replies.well)
    assert fetch(card, asked).path.read_bytes() == DATA


def test_a_file_that_the_url_lacks(card, settings, server):
    with pytest.raises(FetchError, match=r"404"):
        fetch(card, dataclasses.replace(settings, mirror=server.address))


def test_a_url_without_a_network(card, settings, server):
    with pytest.raises(FetchError, match=r"no network may be used"):
        fetch(card, dataclasses.replace(settings, mirror=server.address, offline=True))
    assert server.requests == []


def test_a_mirror_is_verified_against_the_releases_digest(card_of, settings, folder):
    card = card_of(URL, sha256_prefix="528c19ca")
    with pytest.raises(FetchError, match=r"the release states a SHA-256 that begins 528c19ca"):
        fetch(card, dataclasses.replace(settings, mirror=str(folder)))


def test_a_mirror_with_a_pointer_instead_of_the_file(card, settings, folder):
    (folder / PLACE).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    with pytest.raises(FetchError, match=r"what .*mirror sent for .* is a Git LFS pointer"):
        fetch(card, dataclasses.replace(settings, mirror=str(folder)))
    assert files_under(settings.folder) == []


def test_a_mirror_is_verified_against_the_lock_file(card, settings, folder, tmp_path):
    lock = tmp_path / "team.toml"
    lock.write_text(f'version = 1\n[sha256]\n"{URL}" = "{"0" * 64}"\n')
    with pytest.raises(FetchError, match=hashlib.sha256(DATA).hexdigest()):
        fetch(card, dataclasses.replace(settings, mirror=str(folder), lock=lock))


@pytest.mark.parametrize("mirror", ["http://", "http://[half/a", "http://host:port/a", "s3://bucket/a"])
def test_what_is_not_a_mirror(card, settings, mirror):
    with pytest.raises(FetchError, match="URL"):
        fetch(card, dataclasses.replace(settings, mirror=mirror))
