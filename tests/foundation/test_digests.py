from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from foundation.digests import file_sha256, json_sha256


@pytest.mark.parametrize("size_bytes", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 1 << 22])
def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path, size_bytes: int) -> None:
    content = bytes(index % 251 for index in range(1000)) * (size_bytes // 1000 + 1)
    file = tmp_path / "file"
    file.write_bytes(content[:size_bytes])
    assert file_sha256(file) == hashlib.sha256(content[:size_bytes]).hexdigest()


def test_facts_have_the_digest_of_their_canonical_json() -> None:
    facts = {"b": [1, 2.5, None, True], "a": "é"}
    canonical = b'{"a":"\\u00e9","b":[1,2.5,null,true]}'
    assert json_sha256(facts) == hashlib.sha256(canonical).hexdigest()
    assert json_sha256(dict(reversed(facts.items()))) == json_sha256(facts)
