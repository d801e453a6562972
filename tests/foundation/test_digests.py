from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from foundation import digests
from foundation.digests import file_sha256, json_sha256, sha256_once


@pytest.mark.parametrize("size_bytes", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 1 << 22])
def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path, size_bytes: int) -> None:
    content = bytes(index % 251 for index in range(1000)) * (size_bytes // 1000 + 1)
    file = tmp_path / "file"
    file.write_bytes(content[:size_bytes])
    assert file_sha256(file) == hashlib.sha256(content[:size_bytes]).hexdigest()


def test_a_file_is_read_once_for_each_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(path: Path) -> str:
        read.append(path)
        return file_sha256(path)

    monkeypatch.setattr(digests, "file_sha256", counted)
    file = tmp_path / "file"
    file.write_bytes(b"one")
    assert [sha256_once(file) for _ in range(3)] == [hashlib.sha256(b"one").hexdigest()] * 3
    file.write_bytes(b"two")
    assert sha256_once(file) == hashlib.sha256(b"two").hexdigest()
    assert len(read) == 2


def test_facts_have_the_digest_of_their_canonical_json() -> None:
    facts = {"b": [1, 2.5, None, True], "a": "é"}
    canonical = b'{"a":"\\u00e9","b":[1,2.5,null,true]}'
    assert json_sha256(facts) == hashlib.sha256(canonical).hexdigest()
    assert json_sha256(dict(reversed(facts.items()))) == json_sha256(facts)
