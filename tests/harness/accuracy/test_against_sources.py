"""The harness's accuracy compared with that of the sources' own evaluation code, image by image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from harness.__main__ import main
from harness.accuracy.predictions import PredictionTable, read_predictions

SIDE, CLASSES = 32, 8

NETWORK = f"""
import torch
from torch import nn

def untrained():
    layers = [nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, {CLASSES}))

def trained():
    network = untrained()
    network.load_state_dict(torch.load("checkpoint.pth", weights_only=True))
    return network.eval()
"""


def drawn(label: int, generator: np.random.Generator) -> Image.Image:
    """A picture of its class: stripes of a colour and direction, in noise, of any size and aspect ratio."""
    height, width = generator.integers(36, 70, 2)
    rows, columns = np.mgrid[:height, :width]
    angle = np.pi * (label % 4) / 4 + generator.normal(0, 0.12)
    waves = np.sin((rows * np.sin(angle) + columns * np.cos(angle)) * 0.6 + generator.uniform(0, 6))
    colour = np.array([180, 90, 60] if label < 4 else [90, 90, 170]) + generator.normal(0, 25, 3)
    pixels = colour + 35 * waves[..., None] + generator.normal(0, 45, (height, width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def draw_folder(root: Path, per_class: int, seed: int) -> Path:
    generator = np.random.default_rng(seed)
    for label in range(CLASSES):
        folder = root / f"kind{label}"
        folder.mkdir(parents=True)
        for number in range(per_class):
            drawn(label, generator).save(folder / f"{label}_{number:03d}.jpg", quality=85)
    return root


def train(network, images: Path) -> None:
    """A few seconds of Adam, with the augmentation that a training has."""
    import torch
    from torchvision import datasets, transforms

    steps = [
        transforms.RandomResizedCrop(SIDE, scale=(0.5, 1.0)),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
    loader = torch.utils.data.DataLoader(
        datasets.ImageFolder(str(images), transforms.Compose(steps)), batch_size=32, shuffle=True
    )
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(8):
        for inputs, labels in loader:
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(inputs), labels).backward()
            optimiser.step()


def evaluated_by_torchvision(network, images: Path) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Names, labels and top-5, as torchvision's reference evaluation has them."""
    import torch
    from torchvision import datasets, transforms

    steps = [
        transforms.Resize(round(SIDE / 0.875)),
        transforms.CenterCrop(SIDE),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
    data = datasets.ImageFolder(str(images), transforms.Compose(steps))
    with torch.inference_mode():
        found = [(network(inputs).topk(5).indices, labels) for inputs, labels in torch.utils.data.DataLoader(data, 16)]
    names = [Path(path).name for path, _ in data.samples]
    return names, torch.cat([labels for _, labels in found]).numpy(), torch.cat([top for top, _ in found]).numpy()


def only_table(output: Path) -> PredictionTable:
    (path,) = output.glob("accuracy/*/*.parquet")
    return read_predictions(path)


def test_a_classifier_trained_here_has_the_accuracy_that_torchvision_measures(tmp_path, monkeypatch):
    import torch

    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    Path("trained_here.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    import trained_here

    network = trained_here.untrained()
    train(network, draw_folder(tmp_path / "train", 30, seed=1))
    torch.save(network.state_dict(), "checkpoint.pth")
    images = draw_folder(tmp_path / "test", 25, seed=2)

    names, labels, top = evaluated_by_torchvision(trained_here.trained(), images)
    command = ["accuracy", "--images", str(images), "--model", "trained_here:trained", "--resolution", str(SIDE)]
    assert main([*command, "--memory", "256", "--output", "out", "--cache-dir", "cache"]) == 0

    table = only_table(tmp_path / "out")
    assert list(table.names) == names
    assert (table.labels == labels).all()
    assert (table.top == top).all()
    row = pd.read_csv("out/results.csv").iloc[0]
    accuracy = 100 * np.mean(top[:, 0] == labels)
    assert 40 < accuracy < 99, "neither guessing nor perfect, or the comparison would show little"
    assert row.accuracy_measured_top1_percent == pytest.approx(accuracy)
    assert row.accuracy_measured_top5_percent == pytest.approx(100 * np.mean((top == labels[:, None]).any(axis=1)))


@pytest.mark.slow
def test_a_model_of_the_zoo_predicts_the_classes_that_timms_own_evaluation_predicts(tmp_path, monkeypatch):
    """EfficientNet-B0 with its initial weights, in an ordinary checkpoint."""
    import timm
    import torch
    from timm.data import create_transform, resolve_data_config

    import zoo

    monkeypatch.chdir(tmp_path)
    card = zoo.card("efficientnet/efficientnet_b0")
    generator = np.random.default_rng(3)
    for number, wnid in enumerate(("n01440764", "n01443537", "n01484850")):
        folder = Path("images", wnid)
        folder.mkdir(parents=True)
        for copy in range(3):
            drawn(number, generator).resize((250 + 90 * number, 300 - 40 * copy)).save(folder / f"{number}{copy}.JPEG")

    torch.manual_seed(0)
    network = timm.create_model(f"{card.variant}.{card.checkpoint.tag}", pretrained=False)
    transform = create_transform(**resolve_data_config({}, model=network))
    files = sorted(Path("images").rglob("*.JPEG"))
    inputs = torch.stack([transform(Image.open(path).convert("RGB")) for path in files])
    with torch.inference_mode():
        # In training mode the norms take these images' statistics, so that the classes depend on the image.
        network.train()(inputs)
        expected = np.argsort(-network.eval()(inputs).numpy(), axis=1, kind="stable")[:, :5]
    torch.save(network.state_dict(), "checkpoint.pth")

    command = ["accuracy", "--images", "images", "--models", card.name, "--weights", "checkpoint.pth"]
    assert main([*command, "--memory", "512", "--output", "out", "--cache-dir", "cache"]) == 0
    table = only_table(tmp_path / "out")
    assert (table.top == expected).all()
    assert len({tuple(guesses) for guesses in expected}) > 1, "the images must matter"
