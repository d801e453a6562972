"""Bundles of the shards of one conversion as one bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.artifacts.bundle import Bundle, BundledModel, Identity, read_bundle
from harness.artifacts.bundle_writer import BundleWriter
from harness.errors import MergeError
from harness.merging.shards import check_nothing_missing, models_shared_out


def merge_bundles(directories: Sequence[Path], output: Path) -> int:
    """Writes the bundle that one machine alone would have exported; returns the number of its models.

    Args:
        directories: the bundles; every file is verified against its digest.
        output: a new folder.

    Raises:
        MergeError: two bundles have different artifacts of a model, or a shard is missing or has not ended.
        BundleError: a bundle is damaged, or the new one cannot be written.
    """
    bundles = [read_bundle(directory) for directory in directories]
    shards = {bundle.directory: bundle.shard for bundle in bundles}
    order = models_shared_out(shards)
    chosen = _chosen(bundles)
    check_nothing_missing(order, (identity.model for identity in chosen), shards)
    for bundle in bundles:
        bundle.check_files(model for model, owner in chosen.values() if owner is bundle)
    places = {model: place for place, model in enumerate(order)}
    ordered = sorted(chosen, key=lambda identity: places.get(identity.model, len(places)))
    with BundleWriter(output) as writer:
        for identity in ordered:
            model, owner = chosen[identity]
            writer.take(model, owner.directory)
        for bundle in bundles:
            for engine in bundle.engines:
                writer.take_engine(engine, bundle.directory)
    return len(ordered)


def _chosen(bundles: Sequence[Bundle]) -> dict[Identity, tuple[BundledModel, Bundle]]:
    """Each model once, with the bundle that its files are taken from.

    Raises:
        MergeError: two bundles have different artifacts of it.
    """
    chosen: dict[Identity, tuple[BundledModel, Bundle]] = {}
    for bundle in bundles:
        for model in bundle.models:
            earlier, owner = chosen.setdefault(model.identity, (model, bundle))
            if _content(earlier) != _content(model):
                raise MergeError(
                    f"{model.identity.model} ({model.identity.options()}) is {_text(earlier)} in {owner.directory} and "
                    f"{_text(model)} in {bundle.directory}: convert it again where it is wrong, or leave one out"
                )
    return chosen


def _content(model: BundledModel) -> str:
    return model.artifact.sha256 if model.artifact else ""


def _text(model: BundledModel) -> str:
    return f"artifact {model.artifact.sha256[:12]}" if model.artifact else f"{model.facts['status']}"
