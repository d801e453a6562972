"""Recalibration of batch norms, on AlphaNet's subnets, which need it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

import zoo
from zoo import probe
from zoo.errors import WeightsError

RUNNING = ("running_mean", "running_var")


class BatchStatistics(nn.Module):
    """Batch norm in training, written out in double precision; remembers each batch's statistics."""

    def __init__(self, norm):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight.double(), norm.bias.double(), norm.eps
        self.means, self.variances = [], []

    def forward(self, x):
        values = x.double().transpose(0, 1).flatten(1)
        mean, centred = values.mean(1), values - values.mean(1, keepdim=True)
        self.means.append(mean)
        self.variances.append(centred.square().sum(1) / (values.shape[1] - 1))
        scale = self.weight / (centred.square().mean(1) + self.eps).sqrt()
        shape = (1, -1, 1, 1)
        return (x - mean.reshape(shape)) * scale.reshape(shape) + self.bias.reshape(shape)


def images(count, seed, resolution=192):
    """Generated images with structure: noise on blobs of their own brightness."""
    rng = np.random.default_rng(seed)
    blobs = rng.standard_normal((count, 3, resolution // 32, resolution // 32)).repeat(32, axis=2).repeat(32, axis=3)
    return (blobs + 0.3 * rng.standard_normal(blobs.shape)).astype(np.float32)


def running_statistics(model):
    return {name: array for name, array in model.parameters().items() if name.endswith(RUNNING)}


def test_recalibration_is_the_mean_of_the_batches_statistics():
    model = zoo.load("alphanet/a0")
    plain = copy.deepcopy(model.module).double()
    norms = {name: layer for name, layer in plain.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    written_out = {name: BatchStatistics(norm) for name, norm in norms.items()}
    for name, layer in written_out.items():
        parent, _, attribute = name.rpartition(".")
        setattr(plain.get_submodule(parent), attribute, layer)
    batches = [images(count, seed) for seed, count in enumerate((4, 2, 3))]  # Each counts alike.
    with torch.no_grad():
        for batch in batches:
            plain(torch.from_numpy(batch).double())

    assert model.recalibrate(iter(batches)) == 3
    found = model.parameters()
    assert len(written_out) == 52
    for name, layer in written_out.items():
        for values, statistic in ((layer.means, "running_mean"), (layer.variances, "running_var")):
            expected = torch.stack(values).mean(0).numpy()
            assert probe.relative_l2(found[f"{name}.{statistic}"], expected) < 1e-4, name
        assert found[f"{name}.num_batches_tracked"] == 3


def test_recalibration_changes_nothing_but_the_statistics_and_is_repeatable(supernet_file):
    model, again = zoo.load("alphanet/a0", weights=supernet_file), zoo.load("alphanet/a0", weights=supernet_file)
    before = model.parameters()
    before = {name: array.copy() for name, array in before.items()}
    for one in (model, again):
        one.recalibrate(images(2, seed) for seed in range(2))
        assert not one.needs_recalibration
        assert not any(layer.training for layer in one.module.modules())
        assert {layer.momentum for layer in one.module.modules() if isinstance(layer, nn.BatchNorm2d)} == {0.1}
    assert model.weights_sha256() == again.weights_sha256()
    for name, array in model.parameters().items():
        kept = not name.endswith((*RUNNING, "num_batches_tracked"))
        assert np.array_equal(array, before[name]) == kept, name


def test_recalibration_forgets_what_was_there_before():
    model = zoo.load("alphanet/a0")
    model.recalibrate([images(2, 0)])
    first = {name: array.copy() for name, array in running_statistics(model).items()}
    model.recalibrate([images(2, 1)])
    model.recalibrate([images(2, 0)])
    for name, array in running_statistics(model).items():
        np.testing.assert_array_equal(array, first[name])


def interrupted():
    yield images(2, 0)
    raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("batches", "error", "message"),
    [
        (lambda: [], WeightsError, "no batch of images"),
        (lambda: [np.full((2, 3, 192, 192), np.nan, np.float32)], WeightsError, "not finite"),
        (interrupted, OSError, "disk"),
    ],
)
def test_recalibration_that_fails_keeps_the_old_statistics(batches, error, message, supernet_file):
    model = zoo.load("alphanet/a0", weights=supernet_file)
    before = model.weights_sha256()
    with pytest.raises(error, match=message):
        model.recalibrate(batches())
    assert model.weights_sha256() == before
    assert model.needs_recalibration
    assert not any(layer.training for layer in model.module.modules())
