"""What an artifact's provenance says about the weights, warnings included."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from converters.images import dead_leaves
from foundation.wording import counted
from zoo.native import NativeModel
from zoo.preprocessing import Normalisation
from zoo.recalibration import recalibrate
from zoo.training_images import CROP_PX, RELEASED_BATCH_SIZE, RELEASED_BATCHES

_STAND_IN_IMAGES = 16
_STAND_IN_SEED = 2
"""Differs from the seeds of the images that an artifact is verified on and of those for int8 ranges."""

NOT_RECALIBRATED = (
    "the running statistics come from {count} generated images: the release measures them on training images, so "
    "latency is right and accuracy is not; give some (--calibration-images)"
)
FEWER_IMAGES = (
    "recalibrated on {batches} x {batch_size} training images, where the release takes {all_batches} x {all_size}: "
    "give a folder with more"
)


def with_finite_statistics(native: NativeModel) -> NativeModel:
    """The model itself, or a copy whose numbers stay finite if it needs a recalibration that did not happen.

    With the running statistics of a supernet, which are meaningless for it, activations may grow from layer to layer
    beyond float32, and no graph could be compared with the network.
    """
    if not native.needs_recalibration:
        return native
    import torch

    leaves = dead_leaves(CROP_PX, _STAND_IN_IMAGES, _STAND_IN_SEED)
    images = Normalisation.of(native.card.preprocessing).unit_range(leaves)
    changed = copy.copy(native)
    changed.module = copy.deepcopy(native.module)
    recalibrate(changed.module, [torch.from_numpy(images)])
    return changed


def weights_facts(native: NativeModel) -> dict[str, Any]:
    """Kind and digest of the weights, and of the checkpoint that they come from, if any.

    `recalibrated` is present for a release that recalibrates: the training images, or null if there were none.
    """
    facts: dict[str, Any] = {"kind": native.weights, "sha256": native.weights_sha256()}
    if native.checkpoint:
        facts["checkpoint"] = dict(native.checkpoint)
    if native.needs_recalibration or native.recalibrated:
        facts["recalibrated"] = dict(native.recalibrated) if native.recalibrated else None
    return facts


def weights_warnings(native: NativeModel) -> list[str]:
    """What a reader of the artifact's figures should know about its weights."""
    return [*_recalibration_warnings(native), *_warnings_of_file(native.checkpoint)]


def _recalibration_warnings(native: NativeModel) -> list[str]:
    if native.needs_recalibration:
        return [NOT_RECALIBRATED.format(count=_STAND_IN_IMAGES)]
    done = native.recalibrated
    if done and done["batches"] * done["batch_size"] < RELEASED_BATCHES * RELEASED_BATCH_SIZE:
        return [FEWER_IMAGES.format(**done, all_batches=RELEASED_BATCHES, all_size=RELEASED_BATCH_SIZE)]
    return []


def _warnings_of_file(checkpoint: Mapping[str, str]) -> list[str]:
    """Which part of a user's file the weights are, unless they are all of it under the network's own names."""
    texts = []
    if others := checkpoint.get("other_entries"):
        texts.append(f"of the checkpoint's entries {checkpoint.get('entry')} is taken, and {others} not")
    if prefix := checkpoint.get("prefix"):
        texts.append(f"the names of the checkpoint's tensors have the prefix {prefix!r}, which is taken off")
    if count := checkpoint.get("tensors_left_out"):
        texts.append(f"{counted(int(count), 'tensor')} of the checkpoint without that prefix are left out")
    return texts
