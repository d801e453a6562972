"""The models of one shard, where a request is shared out over machines by its models."""

from __future__ import annotations

import dataclasses

from foundation.shard import Shard
from foundation.wording import counted
from harness.artifacts.bundle import Bundle
from harness.artifacts.model_shard import ModelShard
from harness.artifacts.onnx_files import OnnxFile, named
from harness.artifacts.request import ArtifactRequest
from harness.errors import HarnessError


def shared_out(
    wanted: ArtifactRequest, shard: Shard, bundle: Bundle | None = None
) -> tuple[ArtifactRequest, ModelShard]:
    """The request for the models of one shard, dealt by their multiply-adds so that shards take about as long.

    Every machine with the same models deals alike. Files and user networks, whose multiply-adds nobody knows yet, are
    dealt after the others.

    Args:
        wanted: the whole request.
        shard: which share.
        bundle: the bundle that is measured, if there is one.

    Raises:
        HarnessError: there are fewer models than shards, or a pattern selects nothing.
    """
    costs, files = _costs(wanted, bundle), named(wanted.onnx_files)
    own = list(dict.fromkeys(wanted.own_models))
    # Names as in the rows: those of cards and bundles are whole.
    every = {**costs, **{f"own/{name}": 0.0 for name in own}, **{f"onnx/{name}": 0.0 for name in files}}
    if len(every) < shard.count:
        raise HarnessError(f"--shard {shard}: only {counted(len(every), 'model')} to share out; give fewer shards")
    held = shard.dealt(every)
    request = dataclasses.replace(
        wanted,
        models=tuple(name for name in costs if name in held),
        own_models=tuple(name for name in own if f"own/{name}" in held),
        onnx_files=tuple(OnnxFile(path, name) for name, path in files.items() if f"onnx/{name}" in held),
    )
    if not request.models and bundle is not None:
        # No models would mean every model of the bundle.
        raise HarnessError(f"--shard {shard}: none of the bundle's models is in it; give fewer shards")
    return request, ModelShard(shard, tuple(every))


def _costs(wanted: ArtifactRequest, bundle: Bundle | None) -> dict[str, float]:
    """Multiply-adds of each model of the zoo, of a library or of a bundle, in the order of the rows."""
    if bundle is None:
        return {card.name: float(card.macs or 0) for card in wanted.cards()}
    chosen = bundle.select(wanted.models, wanted.artifact_precision, wanted.batch, wanted.graph)
    return {model.identity.model: float(model.facts["macs"] or 0) for model in chosen}
