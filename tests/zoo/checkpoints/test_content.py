from __future__ import annotations

import gzip
import json
import struct

import pytest
import torch
from safetensors.torch import save

from tests.fakes.checkpoints import checkpoint_bytes, zip_bytes
from zoo.checkpoints.content import is_quota_page, unlike_archive, unlike_torch_checkpoint

# As Google Drive sends it, shortened.
QUOTA_PAGE = b"""<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>
<p class="uc-error-caption">Sorry, you can't view or download this file at this time.</p>
<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p></body></html>"""


@pytest.fixture
def file(tmp_path):
    def write(data):
        path = tmp_path / "file"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("legacy", [False, True])
def test_checkpoints(file, legacy):
    assert unlike_torch_checkpoint(file(checkpoint_bytes(legacy=legacy))) == ""


def test_safetensors(file):
    data = save({"a": torch.randn(30), "b": torch.arange(3)}, metadata={"format": "pt"})
    assert unlike_torch_checkpoint(file(data)) == ""
    assert "truncated" in unlike_torch_checkpoint(file(data[:-1]))
    assert "truncated or damaged" in unlike_torch_checkpoint(file(data + b"more"))


@pytest.mark.parametrize(
    "header",
    [
        b"{not json",
        b"{}   ",
        b'{"a": 1}',
        b'{"a": {"data_offsets": []}}',
        b'{"a": {"data_offsets": [0, "9"]}}',
        b'{"a": ' + b"[" * 100_000,
    ],
)
def test_what_looks_like_safetensors(file, header):
    found = unlike_torch_checkpoint(file(struct.pack("<Q", len(header)) + header + b"\x00" * 8))
    assert found == "a truncated or damaged safetensors file"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (QUOTA_PAGE, "HTML page of Google Drive that says that the file was downloaded too often: wait a day"),
        (b"<html>no title</html>", "an HTML page"),
        (json.dumps({"error": "x" * 500}).encode(), f"a JSON document that says '{'x' * 150}...'"),
        (b'{"status": 3}', "a JSON document that says '{\"status\": 3}'"),
        (b"[1, 2", "a JSON document"),
        (b"[" * 50_000, "a JSON document"),
        (gzip.compress(b"x", mtime=0), "a gzip archive"),
        (b"\x80\x02}q\x00.", "not a PyTorch or safetensors file"),
        (zip_bytes({"a.txt": b"x"}), "a ZIP archive of a.txt"),
    ],
)
def test_what_is_something_else(file, data, found):
    assert found in unlike_torch_checkpoint(file(data))


def test_archives(file):
    assert unlike_archive(file(zip_bytes({"folder/a.pth": b"x"})), "folder/a.pth") == ""
    assert unlike_archive(file(gzip.compress(b"may be a tar archive", mtime=0)), "a.pth") == ""
    assert unlike_archive(file(zip_bytes({})), "a.pth") == "a ZIP archive of nothing, without a.pth"
    assert "downloaded too often" in unlike_archive(file(QUOTA_PAGE), "a.pth")


@pytest.mark.parametrize("value", [0x00, 0x80, 0xFF])
def test_an_archive_of_which_any_byte_was_changed_is_reported_or_passes(file, value):
    data = zip_bytes({"é/a.pth": b"x"})
    for position in range(data.index(b"PK\x01\x02"), len(data)):
        found = unlike_archive(file(data[:position] + bytes([value]) + data[position + 1 :]), "é/a.pth")
        assert not found or "ZIP" in found


@pytest.mark.parametrize("text", ["Quota exceeded", "Too many users have viewed or downloaded this file recently."])
def test_quota(text):
    assert is_quota_page(text)
    assert not is_quota_page("You may need to change the permission")
