"""The words of a command, carried to another host."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.hosts.words import with_whole_paths, without


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--on", "ray", "--models", "smoke"], ["--models", "smoke"]),
        (["--on=ray", "--models", "smoke", "--resume"], ["--models", "smoke"]),
        (["--models", "smoke", "--output", "--on"], ["--models", "smoke"]),
        (["--onnx", "net.onnx"], ["--onnx", "net.onnx"]),
    ],
)
def test_options_are_left_out_with_their_values(words: list[str], kept: list[str]) -> None:
    assert without(words, {"--on": 1, "--output": 1, "--resume": 0}) == kept


def test_paths_mean_the_same_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").touch()
    words = ["--images", "val", "--ground-truth=truth.txt", "--preprocessing", "mine.toml", "--limit", "9"]
    whole = [*("--images", f"{tmp_path}/val", f"--ground-truth={tmp_path}/truth.txt"), "--preprocessing"]
    assert with_whole_paths(words) == [*whole, f"{tmp_path}/mine.toml", "--limit", "9"]
    assert with_whole_paths(["--preprocessing", "regnet/RegNetX-200MF"])[1] == "regnet/RegNetX-200MF"
