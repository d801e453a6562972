"""The real releases, fetched by git as a user's git is configured: `python -m pytest -m network`.

One small model of each source, its exported graph included; every model: docs/releases.md.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

import converters
import zoo
from converters.pool import PoolSettings, convert_many
from converters.request import ConversionRequest
from zoo import releases
from zoo.checkpoints import FetchSettings, fetch
from zoo.checkpoints.location import locate
from zoo.releases.commands import OPERATORS_BY
from zoo.releases.verification import VerificationSettings, hold_all

pytestmark = [pytest.mark.network, pytest.mark.slow]

MODELS = [
    "alphanet/a0",
    "efficientnet/efficientnet_b0",
    "efficientnet/tf_efficientnet_b0",
    "efficientnet/tf_efficientnet_b0.ns_jft_in1k",
    "efficientnet_x/efficientnet-x-b0",
    "efficientnet_x/efficientnet-x-tpu-b1",
    "fbnet/FBNetV2_F1",
    "fbnet/dmasking_f1",
    "gpunet/GPUNet-P0",
    "gpunet/GPUNet-2",
    "lanet/LaNet_CIFAR10_128",
    "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25",
    "ofa/cpu_lat-10ms_top1-71.1_finetune-25",
    "regnet/RegNetX-200MF",
    "regnet/RegNetY-200MF",
    "resnest/resnest50",
    "resnest/resnest50_fast_4s2x40d",
]


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory) -> Path:
    """BASELINE_ZOO_CACHE names one to keep the checkouts in, instead of fetching them for every run of the tests."""
    kept = os.environ.get("BASELINE_ZOO_CACHE")
    return Path(kept) if kept else tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", MODELS)
def test_the_projects_network_is_the_releases(name, cache_dir):
    card = zoo.card(name)
    releases.fetch([card.source], cache_dir)
    settings = VerificationSettings(cache_dir=cache_dir, operators_by=OPERATORS_BY, workers=1)
    (row,) = hold_all([card], settings)
    assert (row.status, row.reason) == ("equal", "")
    assert row.recorded_error < 2e-5


def test_original_code_is_converted_itself(cache_dir, tmp_path):
    releases.fetch(["gpunet"], cache_dir)
    (tmp_path / "releases").symlink_to(cache_dir / "releases")
    request = ConversionRequest("gpunet/GPUNet-P0", implementation="release")
    (conversion,) = convert_many([request], tmp_path, PoolSettings(workers=1))
    assert conversion.status == "ok", conversion.reason
    made = conversion.artifact.provenance
    assert made["implementation"] == "release"
    assert made["original_code"]["DeepLearningExamples"] == zoo.card("gpunet/GPUNet-P0").release.commit
    own = converters.convert("gpunet/GPUNet-P0", cache_dir=tmp_path)
    assert own.provenance["implementation"] == "own"
    assert own.provenance["weights"] == made["weights"]


@pytest.mark.parametrize("name", ["fbnet/FBNetV2_F1", "regnet/RegNetX-200MF"])
def test_released_weights_go_into_the_original_code(name, cache_dir, tmp_path):
    built = zoo.load(name)
    releases.fetch([built.card.source], cache_dir)
    (tmp_path / "releases").symlink_to(cache_dir / "releases")
    file = tmp_path / "mirror" / locate(built.card).path
    file.parent.mkdir(parents=True)
    changed = {k: v * 1.01 if v.is_floating_point() else v for k, v in built.module.state_dict().items()}
    torch.save({built.card.checkpoint.container.split("|")[0]: changed}, file)
    built.module.load_state_dict(changed)
    released = fetch(built.card, FetchSettings(tmp_path, str(tmp_path / "mirror")))
    request = ConversionRequest(name, released=released, implementation="release")
    (conversion,) = convert_many([request], tmp_path, PoolSettings(workers=1))
    assert conversion.status == "ok", conversion.reason
    made = conversion.artifact.provenance
    assert (made["implementation"], made["weights"]["kind"]) == ("release", "released")
    assert made["weights"]["sha256"] == built.weights_sha256()
