from __future__ import annotations

from pathlib import Path

import pytest

from harness.artifacts.onnx_files import OnnxFile, named, no_file
from harness.errors import HarnessError


def names(*texts: str) -> list[str]:
    return list(named([OnnxFile.of(text) for text in texts]))


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["/a/net.onnx"], ["net"]),
        (["/a/net.onnx", "/b/other.onnx"], ["net", "other"]),
        (["/a/model.onnx", "/b/model.onnx"], ["a/model", "b/model"]),
        # A repository of models, by versions: the last folders are the same.
        (["/r/net8/1/model.onnx", "/r/net64/1/model.onnx"], ["net8/1/model", "net64/1/model"]),
        (["/r/a/1/model.onnx", "/r/a/2/model.onnx", "/x.onnx"], ["1/model", "2/model", "x"]),
        (["/a/model.onnx", "/a/model.ort"], ["model.onnx", "model.ort"]),
        (["/a/model.onnx", "/a/model.ort", "/b/model.onnx"], ["model.onnx", "model.ort", "model"]),
        (["/a/model.onnx", "/a/model.ort", "/b/model.onnx", "/b/model.ort"],
         ["a/model.onnx", "a/model.ort", "b/model.onnx", "b/model.ort"]),
        (["/model.onnx", "/a/model.onnx"], ["model", "a/model"]),
        (["/a/model.onnx", "/a/model.onnx", "/a/../a/model.onnx"], ["model"]),
        (["old=/a/model.onnx", "new=/b/model.onnx"], ["old", "new"]),
        (["model=/a/x.onnx", "/b/model.onnx"], ["model", "b/model"]),
        (["one=/a/x.onnx", "two=/a/x.onnx"], ["one", "two"]),
    ],
)  # fmt: skip
def test_files_are_told_apart(texts: list[str], found: list[str]) -> None:
    assert names(*texts) == found


def test_relative_paths_are_told_apart_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert names("model.onnx", "../there/model.onnx") == ["here/model", "there/model"]


def test_links_keep_their_own_names(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs/1f2e").touch()
    (tmp_path / "model.onnx").symlink_to(tmp_path / "blobs/1f2e")
    (path,) = named([OnnxFile.of(str(tmp_path / "model.onnx"))]).values()
    assert path == tmp_path / "model.onnx"


def test_one_name_for_two_files_is_refused() -> None:
    with pytest.raises(HarnessError, match=r"--onnx a=/y\.onnx: /x\.onnx has the same name"):
        names("a=/x.onnx", "a=/y.onnx")


def test_a_file_may_have_an_equals_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "width=2.onnx").touch()
    monkeypatch.chdir(tmp_path)
    assert OnnxFile.of("width=2.onnx") == OnnxFile(Path("width=2.onnx"))
    assert OnnxFile.of("a=width=2.onnx") == OnnxFile(Path("width=2.onnx"), "a")
    assert OnnxFile.of("runs/width=3/net.onnx") == OnnxFile(Path("runs/width=3/net.onnx"))
    assert str(OnnxFile.of("a=b.onnx")) == "a=b.onnx"


def test_files_keep_their_order_whether_named_or_not(tmp_path: Path) -> None:
    files = [OnnxFile(tmp_path / "first.onnx"), OnnxFile(tmp_path / "second.onnx", "b"), OnnxFile(tmp_path / "a.onnx")]
    assert list(named(files)) == ["first", "b", "a"]


def test_a_path_without_a_file_is_described_with_what_to_give(tmp_path: Path) -> None:
    assert no_file(tmp_path) == "a folder without an .onnx file"
    assert no_file(tmp_path / "other" / "model.onnx") == "no such file"
    (tmp_path / "inner").mkdir()
    for name in ("resnet50.onnx", "inner/model.onnx", "notes.txt"):
        (tmp_path / name).touch()
    inside = f"{tmp_path / 'inner/model.onnx'}, {tmp_path / 'resnet50.onnx'}"
    assert no_file(tmp_path) == f"a folder; give a file in it: {inside}"
    assert no_file(tmp_path / "resnet_50.onnx") == f"no such file; nearest: {tmp_path / 'resnet50.onnx'}"
    assert no_file(tmp_path / "unlike.bin") == "no such file"
    (tmp_path / "link.onnx").symlink_to("gone.onnx")
    assert no_file(tmp_path / "link.onnx") == "a link to gone.onnx, which is not there"
