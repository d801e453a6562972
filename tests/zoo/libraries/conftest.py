"""Fixtures for released weights of libraries: a Hub and a server of files on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from tests.fakes import release_server as replies
from tests.fakes.checkpoints import BRIEF
from tests.fakes.release_server import ReleaseServer
from zoo.checkpoints import FetchSettings

COMMIT = "8f4d5f5c1e0e9b1e6a3b2f1c0d9e8f7a6b5c4d3e"


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    with ReleaseServer() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FetchSettings:
    monkeypatch.delenv("BASELINE_ZOO_MIRROR", raising=False)
    return FetchSettings(cache_dir=tmp_path / "cache", patience=BRIEF)


@pytest.fixture
def put_on_hub(server: ReleaseServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], None]:
    """Has the Hub's library find a file in a repository of the server."""
    template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.address)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    def put(repository: str, data: bytes) -> None:
        digest = hashlib.sha256(data).hexdigest()
        facts = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data))}
        for revision in ("main", COMMIT):
            path = f"/{repository}/resolve/{revision}/model.safetensors"
            server.files[path] = data
            server.script(path, replies.with_headers(facts))

    return put
