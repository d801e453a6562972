"""A folder as bytes and back, and what is refused on the way."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from harness.errors import HostsError
from harness.hosts.packing import Packed, pack, unpack


def archive(name: str, attributes: int = 0) -> Packed:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("first.txt", "1")
        entry = zipfile.ZipInfo(name)
        entry.external_attr = attributes
        made.writestr(entry, "target")
    return Packed(buffer.getvalue(), hashlib.sha256(buffer.getvalue()).hexdigest())


def test_a_folder_comes_back_without_locks_and_links(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "deep" / "er" / "file.bin").write_bytes(bytes(range(256)))
    (source / ".lock").write_text("held")
    (source / "link").symlink_to("/etc/passwd")
    unpack(pack(source), tmp_path / "there")
    found = sorted(str(path.relative_to(tmp_path / "there")) for path in (tmp_path / "there").rglob("*"))
    assert found == ["deep", "deep/er", "deep/er/file.bin", "empty"]
    assert (tmp_path / "there" / "deep" / "er" / "file.bin").read_bytes() == bytes(range(256))


@pytest.mark.parametrize("name", ["/etc/evil", "../evil", "a/../../evil", "a\\..\\evil", "C:/evil"])
def test_a_path_that_leads_out_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(HostsError, match="leads out of its folder"):
        unpack(archive(name), tmp_path / "there")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostsError, match="holds a link"):
        unpack(archive("link", 0o120777 << 16), tmp_path / "there")
    assert list(tmp_path.iterdir()) == []


def test_other_bytes_than_were_sent_are_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    packed = pack(tmp_path / "source")
    with pytest.raises(HostsError, match="another digest"):
        unpack(dataclasses.replace(packed, data=packed.data + b"x"), tmp_path / "there")
