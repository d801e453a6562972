"""Networks are built without the random values that their weights replace, and are the same with their weights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import zoo
from zoo import adapters, initialisation

# The smallest network of each source in PyTorch.
MODELS = (
    "alphanet/a0",
    "efficientnet/efficientnet_b0",
    "fbnet/fbnet_a",
    "gpunet/GPUNet-P0",
    "lanet/LaNet_CIFAR10_128",
    "ofa/1080ti_gpu64-12ms_top1-72.6_finetune-25",
    "regnet/RegNetX-200MF",
    "resnest/resnest50",
)


@pytest.fixture
def undrawn_is_nan() -> Iterator[None]:
    """New tensors hold no number until something is written into them."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.usefixtures("undrawn_is_nan")
def test_no_tensor_of_a_network_is_left_undrawn(name: str) -> None:
    module = zoo.load(name).module
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    assert [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()] == []


@pytest.mark.parametrize("name", MODELS)
def test_the_weights_are_those_of_a_network_that_was_drawn(name: str) -> None:
    drawn = adapters.build(zoo.card(name))
    drawn.apply_probe()
    assert zoo.load(name).weights_sha256() == drawn.weights_sha256()


@pytest.mark.usefixtures("undrawn_is_nan")
def test_nothing_is_drawn_inside_the_context() -> None:
    with initialisation.left_out():
        layers = [torch.nn.Linear(4, 4), torch.nn.Conv2d(3, 4, 3)]
        torch.nn.init.kaiming_normal_(layers[0].weight)
        torch.nn.init.trunc_normal_(layers[1].weight)
    assert all(torch.isnan(layer.weight).all() for layer in layers)
    assert torch.isfinite(torch.nn.Linear(4, 4).weight).all()


def test_a_network_of_another_package_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it draws may be in no state dict."""
    module = torch.nn.Module()
    noise: list[torch.Tensor] = []

    class Elsewhere:
        EXTRA = "torch"

        def build(self, card: zoo.ModelCard) -> torch.nn.Module:
            noise.append(torch.empty(64).normal_())
            return module

    card = zoo.card("gpunet/GPUNet-P0")
    monkeypatch.setattr(adapters, "adapter", lambda source: Elsewhere())
    torch.manual_seed(0)
    expected = torch.randn(64)
    torch.manual_seed(0)
    assert zoo._built(card) is module
    torch.testing.assert_close(noise[0], expected)
