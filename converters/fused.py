"""The graph as a property of the artifact: the fused one is derived from the exporter's, and proven to equal it.

Artifacts of other precisions are then derived from it like from any other (`converters.precision`).
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path
from typing import Any

import onnx

from converters import derivation
from converters.artifact import MODEL_FILE, Artifact, ArtifactStore
from converters.calibration import Calibration
from converters.errors import VerificationError
from converters.fusion.fuse import PACKAGES, fuse
from converters.fusion.rules import rules_of, source_digest
from converters.inputs import GraphInputs, ImageInputs, agreements_of, expected_rows_of, rows_of
from converters.request import PrecisionOptions, installed_versions
from converters.verify import IMAGES, Agreement
from foundation.digests import json_sha256
from foundation.vocabulary import FUSED, NATIVE

TOLERANCE = 1e-5
"""Largest relative L2 error of a fused graph's logits against those of the exporter's graph."""


def _recipe(backend: str, precision: str) -> dict[str, Any]:
    """Everything apart from the exporter's graph that determines the fused one: backends and precisions may have it in
    common."""
    return {
        "rules": [rule.name for rule in rules_of(backend, precision)],
        "rules_sha256": source_digest(),
        "tools": installed_versions(PACKAGES),
    }


def fused_key(source: Artifact, backend: str, precision: str) -> str:
    """The key of the fp32 artifact that is derived from one of the exporter's graph, to run in a precision."""
    return json_sha256({"derived_from": source.sha256, "graph": FUSED, **_recipe(backend, precision)})


def find(source: Artifact, backend: str, precision: str, store: ArtifactStore) -> Artifact | None:
    """The stored fp32 artifact of the graph that is fused for a backend and a precision; None if it has to be made."""
    return store.find(fused_key(source, backend, precision))


def derive(source: Artifact, backend: str, precision: str, options: PrecisionOptions, store: ArtifactStore) -> Artifact:
    """The fp32 artifact of a fused graph, from the store if it is there, else derived from the exporter's graph.

    Where no rule matches, it is the same file.

    Args:
        source: an fp32 artifact of the exporter's graph.
        backend: name of the runtime that will run it.
        precision: the one that it will run it in; the artifact is of fp32 in any case.
        options: has the values that the two are compared on, if the graph takes no images.
        store: the store that receives the artifact.

    Raises:
        VerificationError: the fused graph computes something else.
        MissingPackageError: onnxscript is not installed.
    """
    key = fused_key(source, backend, precision)
    if (found := store.find(key)) is not None:
        return found
    staged = store.staging()
    try:
        started = time.perf_counter()
        native = onnx.load(source.path)
        inputs = derivation.graph_inputs(native, source, options, Calibration())
        model, counts = fuse(native, backend, precision)
        changes = {"graph": FUSED, "fusion": {**_recipe(backend, precision), "rules": counts}}
        path = staged / MODEL_FILE
        if model is native:
            _share(source.path, path)
            return store.put(key, staged, {**source.provenance, **changes})
        changes["derived_from"] = {"sha256": source.sha256, "graph": NATIVE}
        description = derivation.description(source, model, changes)
        derivation.save(model, path, description)
        del native, model
        saved = time.perf_counter()
        agreements = _verify(source.path, path, inputs, source.provenance["batch"])
        facts = {
            **description,
            **({"preprocessing": dataclasses.asdict(inputs.preprocessing)} if isinstance(inputs, ImageInputs) else {}),
            "verification": [agreement.to_json() for agreement in agreements],
            "seconds": {
                "fuse_s": round(saved - started, 3),
                "verify_s": round(time.perf_counter() - saved, 3),
            },
        }
        return store.put(key, staged, facts)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _share(source: Path, target: Path) -> None:
    """Gives a file of the store a second name there, or a copy where its file system knows no such names."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _verify(source: Path, path: Path, inputs: GraphInputs, batch: int) -> list[Agreement]:
    """Compares a fused artifact with the exporter's in ONNX Runtime on the CPU.

    Raises:
        VerificationError: they differ by more than `TOLERANCE`, or the exporter's yields NaN or infinity.
    """
    sets = inputs.compared(IMAGES, 0)
    found = agreements_of(sets, expected_rows_of(sets, source, batch), rows_of(sets, path, batch))
    for one in found:
        if one.relative_l2 > TOLERANCE:
            raise VerificationError(
                f"the fused graph's logits on {one.images} images differ by {one.relative_l2:.1e} of their norm "
                f"(allowed {TOLERANCE:g}): measure this network's native graph"
            )
    return found
