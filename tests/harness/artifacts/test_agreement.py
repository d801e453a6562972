from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from converters.artifact import Artifact
from converters.images import dead_leaves
from converters.pool import Conversion, convert_many
from converters.request import ConversionRequest
from harness.__main__ import main
from harness.artifacts.agreement import agree_on_images
from harness.datasets import open_images
from harness.datasets.cifar import PixelStore
from harness.datasets.classes import counted_classes
from harness.datasets.stored import label

NAME = "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25"


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def conversion(cache_dir):
    (found,) = convert_many([ConversionRequest(NAME)], cache_dir)
    return found


@pytest.fixture
def folder(tmp_path):
    """Six images in two classes, one of them damaged, and a link to nothing."""
    root = tmp_path / "images"
    pixels = (dead_leaves(96, 6).transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    for number, image in enumerate(pixels):
        path = root / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    path.write_bytes(path.read_bytes()[:100])
    (root / "b" / "gone.png").symlink_to("nowhere.png")
    return root


def test_an_artifact_agrees_with_its_network_and_unreadable_images_are_reported(conversion, folder, cache_dir):
    found = agree_on_images(conversion, open_images(folder), cache_dir)
    assert found.status == "ok"
    assert (found.agreement.count, found.agreement.top1_agreement) == (5, 1.0)
    assert 0 < found.agreement.relative_l2 < 1e-4
    assert len(found.unreadable) == 2
    assert str(folder / "b" / "5.png") in found.unreadable[0]
    assert "gone.png cannot be read (No such file" in found.unreadable[1]
    assert f"{NAME}  ok  top-1 equal on 5 of 5 images  logits " in found.line()
    assert "2 unreadable, the first: " in found.line()


ONE_IMAGE = """
import torch

class Network(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3, classes)

    def forward(self, images):
        return {"logits": self.layer(images.mean((2, 3))).view(1, -1)}

def build(classes):
    return Network(classes)
"""


def test_a_user_network_for_one_image_with_named_outputs_is_compared(folder, tmp_path, monkeypatch):
    (tmp_path / "one_image_networks.py").write_text(ONE_IMAGE)
    monkeypatch.chdir(tmp_path)
    request = ConversionRequest("one_image_networks:build(classes=4)", exporter="torchscript", resolution=32)
    (conversion,) = convert_many([request], tmp_path / "cache")
    assert (conversion.status, conversion.reason) == ("ok", "")
    found = agree_on_images(conversion, open_images(folder), tmp_path / "cache")
    assert (found.status, found.agreement.count) == ("ok", 5)
    assert found.agreement.relative_l2 < 1e-5


def test_images_that_are_pixels_are_used_as_they_are(conversion, cache_dir):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    images = label("pixels", counted_classes(1), PixelStore("here", pixels), [0, 0, 0])
    found = agree_on_images(conversion, images, cache_dir)
    assert (found.status, found.agreement.count) == ("ok", 3)


def test_an_artifact_that_computes_something_else_differs(conversion, folder, cache_dir, tmp_path):
    model = onnx.load(conversion.artifact.path)
    bias = next(tensor for tensor in model.graph.initializer if "classifier" in tensor.name and len(tensor.dims) == 1)
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias)[::-1].copy(), bias.name))
    path = tmp_path / "other.onnx"
    onnx.save(model, path)
    changed = Conversion(conversion.request, "ok", artifact=Artifact(path, conversion.artifact.provenance))
    found = agree_on_images(changed, open_images(folder), cache_dir)
    assert found.status == "differs"
    assert "disagrees with the network on given images: relative L2" in found.line()


def test_a_conversion_that_failed_is_reported(folder, cache_dir):
    found = agree_on_images(Conversion(ConversionRequest(NAME), "timeout", "too slow"), open_images(folder), cache_dir)
    assert found.line() == f"{NAME}  timeout: too slow"


def test_a_set_without_a_usable_image_fails(conversion, cache_dir, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"no image")
    found = agree_on_images(conversion, open_images(tmp_path), cache_dir)
    assert found.line().startswith(f"{NAME}  failed: none of the images can be used  1 unreadable, the first: ")


def test_the_command_compares_on_images(conversion, cache_dir: Path, folder: Path, capsys):
    arguments = ["verify", "--models", NAME, "--cache-dir", str(cache_dir), "--images", str(folder)]
    assert main([*arguments, "--limit", "4"]) == 0
    (told,) = capsys.readouterr().out.splitlines()
    assert f"{NAME}  ok  top-1 equal on " in told


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--weights", __file__], "add --images DIR to verify artifacts with other weights against their networks"),
        (["--limit", "5"], "need --images DIR"),
        (["--ground-truth", "val.txt"], "need --images DIR"),
        (["--images", "nowhere"], "nowhere does not exist"),
        (["--images", ".", "--limit", "0"], "a limit of 0 images leaves nothing"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, fault, capsys):
    assert main(["verify", "--models", NAME, *options]) == 2
    assert fault in capsys.readouterr().err
