"""Fixtures for the tests of fetching: a server, cards that name its files, a cache and little patience."""

from __future__ import annotations

import dataclasses

import pytest

import zoo
from tests.fakes.checkpoints import BRIEF, Notes
from tests.fakes.release_server import ReleaseServer
from zoo.card import Checkpoint
from zoo.checkpoints import FetchSettings


@pytest.fixture
def server():
    with ReleaseServer() as running:
        yield running


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def settings(tmp_path, notes):
    return FetchSettings(cache_dir=tmp_path / "cache", listener=notes, patience=BRIEF)


@pytest.fixture(autouse=True)
def _no_mirror(monkeypatch):
    monkeypatch.delenv("BASELINE_ZOO_MIRROR", raising=False)


@pytest.fixture
def card_of():
    """Makes a card whose checkpoint is at a URL."""

    def make(url, model="regnet/RegNetX-200MF", **facts):
        return dataclasses.replace(zoo.card(model), checkpoint=Checkpoint(url=url, container="plain", **facts))

    return make
