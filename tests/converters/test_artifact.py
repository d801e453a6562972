from __future__ import annotations

import hashlib
import json
import os
import time

import pytest

from converters.artifact import MODEL_FILE, SIDECAR_FILE, ArtifactStore

KEY = "ab" * 32


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path)


def put(store, content=b"graph", **facts):
    staged = store.staging()
    (staged / MODEL_FILE).write_bytes(content)
    return store.put(KEY, staged, facts)


def test_what_is_put_is_found_with_its_digest(store):
    put(store, opset=17)
    found = store.find(KEY)
    assert found.path.read_bytes() == b"graph"
    assert found.sha256 == hashlib.sha256(b"graph").hexdigest()
    assert found.provenance["opset"] == 17
    assert found.provenance["size_bytes"] == 5
    assert json.loads((found.path.parent / SIDECAR_FILE).read_text()) == found.provenance


def test_an_empty_store_finds_nothing(store):
    assert store.find(KEY) is None


@pytest.mark.parametrize("damage", ["truncated", "missing", "sidecar", "another sidecar"])
def test_a_damaged_entry_is_not_found_and_can_be_replaced(store, damage):
    artifact = put(store)
    if damage == "truncated":
        artifact.path.write_bytes(b"gra")
    elif damage == "missing":
        artifact.path.unlink()
    else:
        (artifact.path.parent / SIDECAR_FILE).write_text("{" if damage == "sidecar" else "[]")
    assert store.find(KEY) is None
    put(store)
    assert store.find(KEY).path.read_bytes() == b"graph"


def test_the_first_of_two_equal_conversions_stays(store):
    first = put(store, seconds=1)
    second = put(store, seconds=2)
    assert second.provenance == first.provenance
    assert [entry.name for entry in store.root.iterdir()] == [KEY[:2]]


def test_what_a_killed_conversion_left_is_removed_once_none_can_still_run(store):
    old, new = store.staging(), store.staging()
    (old / MODEL_FILE).write_bytes(b"half a graph")
    a_week_ago = time.time() - 7 * 24 * 3600 - 60
    os.utime(old, (a_week_ago, a_week_ago))
    added = store.staging()
    assert sorted(store.root.iterdir()) == sorted([new, added])
