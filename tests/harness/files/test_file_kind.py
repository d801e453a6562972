from __future__ import annotations

import gzip
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
        (b'{"error": "Repository not found"}', "JSON ("),
        (b"<?xml version='1.0'?>\n<net name='m' version='11'><layers>", "a network of OpenVINO; give the ONNX file"),
        (b"<net name='m' version='10'>", "a network of OpenVINO"),
        (b"7767517\n75 83\nInput data 0 1 data\n", "a network of ncnn"),
        ("Zugriff verweigert: schlüssel".encode(), "text ("),
        (gzip.compress(b"onnx", mtime=0), "compressed with gzip"),
        (pickle.dumps({"weights": [1.0]}, protocol=2), "a Python pickle"),
        (pickle.dumps({"weights": [1.0]}, protocol=4), "a Python pickle"),
        (b"\x93NUMPY\x01\x00" + bytes(20), "an array of numpy; it is what an input holds: --input FILE.npy"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "a picture; give the ONNX file instead"),
        (b"\x7fELF\x02" + bytes(20), "a program or library; one of custom operators is for --custom-operators"),
        (b"GGUF\x03" + bytes(20), "a GGUF model"),
        (b"\x0a\x10\x0a\x04conv\x12\x06Conv2D", "a protocol buffer of another format, such as a TensorFlow"),
        (bytes(1000), "of zero bytes, as after an interrupted copy"),
        (bytes([1] * 257) + b"ustar\x0000", "a tar archive"),
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


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["net/data.pkl", "net/data/0"], "a PyTorch checkpoint; convert the network with --model"),
        (["net/data.pkl", "net/constants.pkl", "net/code/net.py"], "a TorchScript archive"),
        (["net/archive_format", "net/models/model.json"], "a program of torch.export"),
        (["config.json", "metadata.json", "model.weights.h5"], "a Keras model"),
        (["m.mlpackage/Manifest.json", "m.mlpackage/Data/com.apple.CoreML/model.mlmodel"], "a Core ML package"),
        (["input.npy"], "arrays of numpy; they are what an input holds: --input FILE.npz"),
        (["a/net.onnx", "a/README.md"], "a zip archive of a/net.onnx; unpack it and give that file"),
        (["a.txt", "b.txt"], "a zip archive of a.txt, b.txt; unpack it"),
    ],
)
def test_an_archive_is_named_by_what_is_in_it(names: list[str], kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    assert other_kind(path).startswith(kind)


def test_a_cut_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"PK\x03\x04 and no more")
    assert other_kind(path) == "a zip archive that is cut off or damaged; copy it again"


def test_formats_that_begin_like_onnx_are_known_by_their_names(
    tmp_path: Path, write_model: Callable[..., Path]
) -> None:
    core_ml = b"\x08\x05\x12\x08\x0a\x06\x0a\x04data"
    for ending, kind in ((".mlmodel", "a Core ML model"), (".pb", "a TensorFlow model"), (".onnx", "")):
        path = tmp_path / f"net{ending}"
        path.write_bytes(core_ml)
        assert other_kind(path).startswith(kind)
        path.write_bytes(write_model().read_bytes())
        assert other_kind(path) == ""


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
