"""A user's network is calibrated, verified and evaluated as it is fed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from foundation.wording import sentences
from harness.__main__ import main
from harness.accuracy.outcome import SATURATES
from harness.backends.onnxruntime.integers import saturates_int8

NETWORK = """\
import itertools
import torch

COLOURS = torch.tensor(list(itertools.product((20.0, 130.0, 240.0), repeat=3))) / 255

class Nearest(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.head = torch.nn.Conv2d(3, 3, 1, bias=False), torch.nn.Linear(3, 27)
        with torch.no_grad():
            self.scale.weight.copy_(torch.eye(3).reshape(3, 3, 1, 1) / 255)
            self.head.weight.copy_(8 * COLOURS)
            self.head.bias.copy_(-4 * (COLOURS**2).sum(1))

    def forward(self, pixels):
        return self.head(torch.relu(self.scale(pixels)).mean((2, 3)))

def nearest():
    return Nearest()
"""
"""Takes pixels of 0..255, and finds the nearest of 27 colours."""
PIXELS = """\
rule = "resize_then_crop"
resize_px = 32
crop_px = 32
interpolation = "bilinear"
library = "pil"
channel_order = "RGB"
mean = [0.0, 0.0, 0.0]
std = [0.00392156862745098, 0.00392156862745098, 0.00392156862745098]
"""

Accuracy = Callable[..., int]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the network, its preprocessing, and images of its classes, some to calibrate on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "colour_networks.py").write_text(NETWORK)
    (tmp_path / "pixels.toml").write_text(PIXELS)
    levels = np.stack(np.meshgrid(*[(20, 130, 240)] * 3, indexing="ij"), -1).reshape(27, 3)
    for label, colour in enumerate(levels):
        for number in range(2):
            path = tmp_path / "photos" / f"colour{label:02d}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40 + number, 40), tuple(map(int, colour))).save(path)
            if number == 0:
                (tmp_path / "known").mkdir(exist_ok=True)
                (tmp_path / "known" / f"{label:02d}.png").write_bytes(path.read_bytes())
    return tmp_path


def accuracy(*options: str) -> int:
    fixed = ["--images", "photos", "--model", "colour_networks:nearest", "--memory", "64", "--threads", "1"]
    return main(["accuracy", *fixed, "--cache-dir", "cache", *options])


def rows() -> pd.DataFrame:
    return pd.read_csv("results/results.csv", keep_default_na=False).set_index("precision")


@pytest.mark.usefixtures("here")
def test_one_preprocessing_serves_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    stated = ["--preprocessing", "pixels.toml"]
    assert accuracy(*stated) == 0
    int8 = ["--precision", "int8", "--calibration-images", "known", "--calibration-count", "20"]
    assert accuracy(*stated, *int8) == 0
    found, said = rows(), capsys.readouterr().err
    assert found.accuracy_measured_top1_percent["fp32"] == 100
    # With the ranges of other images it would be 3.7 %. Integer sums that are cut off cost some classes.
    if saturates_int8():
        assert found.accuracy_measured_top1_percent["int8"] > 50
    else:
        assert found.accuracy_measured_top1_percent["int8"] == 100
        assert "same top-1 as fp32 on 100 % of 20 calibration images, logits " in said
    assert list(found.resolution) == [32, 32], "that of the crop"
    assert (found.calibration["int8"], found.calibration["fp32"]) == ("20 images of known/", "")
    overlap = "20 of the 20 calibration images are among those evaluated"
    cautions = [*([SATURATES] if saturates_int8() else []), overlap]
    assert (found.warnings["int8"], found.warnings["fp32"]) == (sentences(cautions), "")
    assert f"warning: own/colour_networks:nearest in int8: {overlap}\n" in said
    assert "int8 is calibrated on 20 images of known\n" in said
    assert re.search(r"same top-1 as fp32 on \d+ % of 20 calibration images, logits ", said)
    assert "preprocessing of user networks, as stated: shorter side to 32 px (Pillow bilinear), centre 32 px" in said


@pytest.mark.usefixtures("here")
def test_an_assumed_preprocessing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    other = ["--resolution", "32", "--precision", "int8", "--calibration-images", "known"]
    assert accuracy(*other) == 0
    found, said = rows(), capsys.readouterr().err
    told = found.warnings["int8"]
    assert told.startswith(
        "Int8 ranges are those of images prepared as assumed (shorter side to 37 px (Pillow bilinear), "
    )
    assert "Images were prepared as assumed (shorter side to 37 px" in told
    assert "preprocessing of user networks, assumed, state it with --preprocessing: shorter side to 37 px" in said


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preprocessing", "gone.toml"], "--preprocessing gone.toml: No such file or directory"),
        (["--preprocessing", "resnest51"], "nearest: resnest/resnest50"),
        (
            ["--preprocessing", "pixels.toml", "--resolution", "64"],
            "--preprocessing pixels.toml and --resolution 64: the crop has 32 px, the network takes 64 px",
        ),
    ],
)
@pytest.mark.parametrize("command", ["accuracy", "run", "convert", "verify", "profile"])
def test_a_preprocessing_that_cannot_be_followed_is_refused_before_anything_is_converted(
    command: str, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _is_refused(command, options, message, capsys)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("images", [[], ["--calibration-images", "known"]])
@pytest.mark.parametrize("command", ["accuracy", "run", "convert", "profile"])
def test_a_count_without_int8_and_images_is_refused_before_anything_is_converted(
    command: str, images: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _is_refused(command, ["--calibration-count", "5", *images], "add --precision int8 and --calibration-images", capsys)


def _is_refused(command: str, options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    images = ["--images", "photos"] if command in ("accuracy", "verify") else []
    where = ["--cache-dir", "cache", "--model", "colour_networks:nearest", *images]
    assert main([command, *where, *options]) == 2
    assert message in capsys.readouterr().err
    assert not Path("cache").exists()
    assert not Path("results").exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("command", ["run", "accuracy", "convert"])
def test_models_of_the_zoo_have_their_releases_preprocessing(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    images = ["--images", "photos"] if command == "accuracy" else []
    assert main([command, "--models", "smoke", "--preprocessing", "pixels.toml", *images]) == 2
    assert "it is that of user networks, and models of the zoo have their release's" in capsys.readouterr().err


def test_a_bundle_needs_no_preprocessing_for_its_latency(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--artifacts", "bundle", "--preprocessing", "pixels.toml"]) == 2
    assert "--preprocessing: without --model or --onnx, it is only used with --images DIR" in capsys.readouterr().err
    assert not (here / "results").exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("command", ["accuracy", "run"])
@pytest.mark.parametrize(
    ("shape", "options", "size_px"),
    [
        ([1, 3, "h", "w"], ["--resolution", "64"], 64),
        ([1, 3, "h", "w"], ["--shape", "input:1x3x48x48"], 48),
        ([1, 3, "h", "w"], [], 224),
        ([1, 3, 40, 40], [], 40),
    ],
    ids=["by_resolution", "by_shape", "by_assumption", "by_the_file"],
)
def test_a_preprocessing_of_another_size_than_a_file_is_refused_before_anything_is_measured(
    command: str, shape: list[int | str], options: list[str], size_px: int, write_network: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file = str(write_network(shape=shape))
    where = ["--onnx", file, "--images", "photos", "--cache-dir", "cache", "--preprocessing", "pixels.toml"]
    assert main([command, *where, *options]) == 2
    told = capsys.readouterr().err
    assert f"--preprocessing pixels.toml and {file}, measured at {size_px}: the crop has 32 px, the network" in told
    assert "--resolution or --shape sets the size" in told
    assert not Path("results").exists()


@pytest.mark.usefixtures("here")
def test_verify_compares_a_network_with_its_artifact_as_it_is_fed(capsys: pytest.CaptureFixture[str]) -> None:
    verify = ["verify", "--model", "colour_networks:nearest", "--cache-dir", "cache", "--preprocessing", "pixels.toml"]
    assert main([*verify, "--images", "photos"]) == 0
    assert "colour_networks:nearest  ok  top-1 equal on 54 of 54 images  logits " in capsys.readouterr().out
    assert main(verify) == 2
    assert "there is no release to compare it with; add --images DIR" in capsys.readouterr().err
