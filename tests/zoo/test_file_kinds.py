"""What servers and tools send instead of a checkpoint."""

from __future__ import annotations

import io
import zipfile

import pytest
import torch

from zoo.file_kinds import opened_zip, unlike_checkpoint


def zip_bytes(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "an empty file"),
        (b"\xef\xbb\xbf\n <!DOCTYPE HTML>\n<html>", "an HTML page"),
        (b"<html><head>", "an HTML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "an XML or HTML document"),
        (b'{"message": "rate limit exceeded"}', "a JSON document"),
        (b"[1, 2]", "a JSON document"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "a Git LFS pointer"),
        (b"404: Not Found", "a text file that begins '404: Not Found'"),
        ("é".encode() * 400, "a text file that begins"),
        (b"\x1f\x8b\x08rest", "a gzip archive"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"PK\x03\x04 cut", "a truncated ZIP file"),
        (zip_bytes("0.65ms.pth.tar", "readme"), "a ZIP archive of 0.65ms.pth.tar, readme"),
        (zip_bytes("a", "b", "c", "d"), "a ZIP archive of a, b, c, ..."),
    ],
)
def test_what_is_not_a_checkpoint_has_a_name(content, what, tmp_path):
    path = tmp_path / "download"
    path.write_bytes(content)
    assert unlike_checkpoint(path).startswith(what)


@pytest.mark.parametrize("new_format", [True, False])
def test_checkpoints_pass(new_format, tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"weight": torch.zeros(3)}, path, _use_new_zipfile_serialization=new_format)
    assert unlike_checkpoint(path) == ""


def test_other_binary_files_are_left_to_their_readers(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x40\x00\x00\x00\x00\x00\x00\x00{" + b" " * 63)
    assert unlike_checkpoint(path) == ""


@pytest.mark.parametrize("value", [0x00, 0x80, 0xFF])
def test_a_zip_file_of_which_any_byte_was_changed_is_reported_or_passes(value, tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    data = path.read_bytes()
    for position in range(data.index(b"PK\x01\x02"), len(data)):
        path.write_bytes(data[:position] + bytes([value]) + data[position + 1 :])
        found = unlike_checkpoint(path)
        assert not found or "ZIP" in found


def test_a_directory_that_would_fill_the_memory_is_not_read(tmp_path):
    path = tmp_path / "model.pth"
    entry = zip_bytes("a/data.pkl")
    begin, end = entry.index(b"PK\x01\x02"), entry.index(b"PK\x05\x06")
    directory = entry[begin:end] * 700_000
    stated = entry[end : end + 12] + len(directory).to_bytes(4, "little") + entry[end + 16 :]
    path.write_bytes(entry[:begin] + directory + stated)
    assert unlike_checkpoint(path) == f"a damaged ZIP file (a directory of {len(directory)} bytes)"
    with pytest.raises(zipfile.BadZipFile, match="a directory of"), opened_zip(path):
        pass
