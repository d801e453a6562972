"""The Hub through its own library, whose endpoint is the server of the test."""

from __future__ import annotations

import hashlib

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import load_file, save

from tests.fakes import release_server as replies
from tests.fakes.checkpoints import files_under
from zoo.checkpoints import FetchError, UnreachableError, fetch

REPOSITORY = "timm/efficientnet_b1.ra4_e3600_r240_in1k"
URL = f"https://huggingface.co/{REPOSITORY}"
COMMIT = "8f4d5f5c1e0e9b1e6a3b2f1c0d9e8f7a6b5c4d3e"
NEWEST = f"/{REPOSITORY}/resolve/main/model.safetensors"
PINNED = f"/{REPOSITORY}/resolve/{COMMIT}/model.safetensors"
STATE = {"conv_stem.weight": torch.randn(1000, generator=torch.Generator().manual_seed(0))}
DATA = save(STATE)


def facts(data):
    """What the Hub says about a large file."""
    digest = hashlib.sha256(data).hexdigest()
    return {"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data))}


@pytest.fixture(autouse=True)
def hub(server, monkeypatch):
    template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.address)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    server.files[NEWEST] = server.files[PINNED] = DATA
    server.script(NEWEST, replies.with_headers(facts(DATA)))
    server.script(PINNED, replies.with_headers(facts(DATA)))
    return server


@pytest.fixture
def card(card_of):
    return card_of(URL)


def refused(card, settings, match):
    with pytest.raises(FetchError, match=match) as caught:
        fetch(card, settings)
    assert URL in str(caught.value)
    assert "--mirror" in str(caught.value)
    assert files_under(settings.folder) == []
    return caught.value


def test_the_weights_of_a_repository(card, settings, hub):
    found = fetch(card, settings)
    assert found.path == settings.folder / "huggingface.co" / REPOSITORY / "model.safetensors"
    assert torch.equal(load_file(found.path)["conv_stem.weight"], STATE["conv_stem.weight"])
    assert found.url == URL
    # Of the commit that was asked about, not of whatever is the newest by then.
    asked = [(method, path) for method, path, _ in hub.requests if "/resolve/" in path]
    assert asked == [("HEAD", NEWEST), ("GET", PINNED)]


def test_a_cut_file_is_continued(card, settings, hub):
    hub.script(PINNED, replies.cut(0.5), replies.well)
    assert fetch(card, settings).path.read_bytes() == DATA
    assert "Range" in hub.asked(PINNED)[1]


def test_the_hub_states_another_digest(card, settings, hub):
    hub.script(NEWEST, replies.with_headers(facts(b"another")))
    refused(card, settings, f"its server states the SHA-256 {hashlib.sha256(b'another').hexdigest()}.*not kept")


def test_a_small_files_tag_is_not_a_digest(card, settings, hub):
    hub.script(NEWEST, replies.with_headers({"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{"a" * 40}"'}))
    assert fetch(card, settings).path.read_bytes() == DATA


def test_the_hub_is_down_for_a_moment(card, settings, hub):
    hub.script(NEWEST, replies.status(503), replies.with_headers(facts(DATA)))
    assert fetch(card, settings).path.read_bytes() == DATA


def test_the_hub_stays_down(card, settings, hub):
    hub.script(NEWEST, replies.status(500))
    refused(card, settings, "the Hub answers 500; tried 3 times")


def test_a_repository_that_was_removed(card, settings, hub):
    hub.script(NEWEST, replies.with_headers({"X-Error-Code": "RepoNotFound"}, replies.status(404)))
    refused(card, settings, "the Hub answers 404")


def test_a_repository_without_the_file(card, settings, hub):
    hub.script(NEWEST, replies.with_headers({"X-Error-Code": "EntryNotFound"}, replies.status(404)))
    refused(card, settings, "holds no model.safetensors")


def test_no_network(card, settings, monkeypatch):
    template = "http://no-such-host.invalid/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    assert isinstance(refused(card, settings, "cannot be reached.*tried 2 times"), UnreachableError)


def test_a_hub_that_cannot_be_trusted(card, settings, hub, monkeypatch):
    # A server without TLS, asked for TLS.
    address = hub.address.replace("http://", "https://")
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    with pytest.raises(FetchError, match=r"cannot be trusted.*certificates that SSL_CERT_FILE names"):
        fetch(card, settings)


def test_its_own_offline_mode(card, settings, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    huggingface_hub.close_session()
    try:
        refused(card, settings, "HF_HUB_OFFLINE is set")
    finally:
        huggingface_hub.close_session()


def test_a_cut_safetensors_file(card, settings, hub):
    hub.script(NEWEST, replies.with_headers({"X-Repo-Commit": COMMIT, "ETag": '"x"'}))
    hub.script(PINNED, replies.without_length(0.5))
    refused(card, settings, "a truncated or damaged safetensors file")
