"""The probe's range in networks that multiply branches; the others keep the plain probe."""

from __future__ import annotations

import numpy as np
import pytest

import zoo
from zoo import own, probe
from zoo.libraries import timm_networks
from zoo.libraries.ranges import LARGEST_LOGIT, keep_in_range
from zoo.torch_model import TorchModel

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

STAR = "timm/starnet_s050"


def plain(name: str) -> TorchModel:
    native = TorchModel(zoo.card(name), timm_networks.build(zoo.card(name)))
    native.apply_probe()
    return native


def rounding(native: TorchModel) -> float:
    """How much float32 differs from float64."""
    images = probe.images(native.card.resolution)
    single = native.logits(images)
    native.module.double()
    with torch.inference_mode():
        double = native.module(torch.from_numpy(images).double()).numpy()
    native.module.float()
    return probe.relative_l2(single, double)


def test_a_network_that_rounding_would_decide_is_brought_into_range() -> None:
    before, after = plain(STAR), zoo.load(STAR)
    images = probe.images(after.card.resolution)
    assert np.abs(before.logits(images)).max() > LARGEST_LOGIT
    assert rounding(before) > probe.RUNTIME_TOLERANCE
    assert np.abs(after.logits(images)).max() < 100
    assert rounding(after) < 1e-6


def test_variances_are_multiplied_by_one_power_of_two_a_norm_and_nothing_else_changes() -> None:
    before, after = plain(STAR).parameters(), zoo.load(STAR).parameters()
    factors = set()
    for name, values in before.items():
        if not name.endswith("running_var"):
            np.testing.assert_array_equal(after[name], values)
            continue
        (factor,) = set((after[name] / values).tolist())
        assert np.log2(factor) == round(np.log2(factor))
        factors.add(factor)
    assert len(factors) > 1


def test_the_plain_probe_is_kept_where_it_is_in_range() -> None:
    native = plain("timm/test_resnet")
    before = native.weights_sha256()
    assert not keep_in_range(native)
    assert native.weights_sha256() == before == zoo.load("timm/test_resnet").weights_sha256()


def test_a_network_without_norms_stays_as_it_is() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    with torch.no_grad():
        module[0].bias.fill_(1e9)
    native = TorchModel(own.card("a:b", 16), module)
    before = native.weights_sha256()
    assert not keep_in_range(native)
    assert native.weights_sha256() == before
