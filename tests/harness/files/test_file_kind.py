from __future__ import annotations

import gzip
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.files.file_kind import other_kind

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (POINTER, "a Git LFS pointer, not the file itself; run: git lfs pull"),
        (b"<!DOCTYPE html>\n<html>", "an HTML or XML page"),
        (b"\xef\xbb\xbf\n  <html lang='en'>", "an HTML or XML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "an HTML or XML page"),
        (b"Entry not found", r"text ('Entry not found')"),
        (b'{"error": "Repository not found"}', "text ("),
        ("Zugriff verweigert: schlüssel".encode(), "text ("),
        (gzip.compress(b"onnx", mtime=0), "compressed with gzip"),
        (pickle.dumps({"weights": [1.0]}, protocol=2), "a Python pickle"),
        (len(b'{"a":1}').to_bytes(8, "little") + b'{"a":1}', "weights in safetensors"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(20), "a TensorFlow Lite model"),
        (b"\x1c\x00\x00\x00ORTM" + bytes(20), "in ONNX Runtime's own format"),
        (b"ftrt" + bytes(20), "a TensorRT engine"),
        (b"", "empty"),
    ],
)
def test_what_is_not_onnx_is_named(content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert other_kind(path).startswith(kind)


def test_an_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", json.dumps({}))
    assert other_kind(path).startswith("a zip archive")


def test_networks_may_be_onnx(write_model: Callable[..., Path], tiny_onnx: Callable[..., Path]) -> None:
    assert other_kind(write_model()) == ""
    assert other_kind(tiny_onnx()) == ""


def test_bytes_of_weights_may_be_anything_but_a_pointer(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx_data"
    for content in (b"PK\x03\x04", b"words alone", bytes(range(256))):
        path.write_bytes(content)
        assert other_kind(path, text=False) == ""
    path.write_bytes(POINTER)
    assert other_kind(path, text=False).startswith("a Git LFS pointer")
