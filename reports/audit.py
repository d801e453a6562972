"""The audit of the conversions: the graph each exporter made of a model, read from the artifacts' provenance."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from reports.pairs import Record, Varying, kind_of, pairs

# The sidecar of an artifact in the converters' cache, and in a bundle, where one folder has many. Repeated here, since
# a machine that only measures has no converters.
_IN_CACHE = "provenance.json"
_IN_BUNDLE = ".json"


@dataclasses.dataclass(frozen=True)
class Conversion:
    """One artifact."""

    model: str
    exporter: str
    """Name and version."""
    graph: str
    """Native or fused."""
    precision: str
    artifact_sha256: str
    artifact_mib: float | None
    seconds: float | None
    """Time the conversion took, verification included."""
    phases_s: dict[str, float]
    """The parts of that time, as in `export_s`; empty without a sidecar."""
    error: float | None
    """Largest relative L2 error of the artifact's logits against the native model's."""
    operators: dict[str, int]
    """Number of nodes of each ONNX operator in the graph; empty without a sidecar."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """The operators of which one version of a model's graph has more or fewer than another."""

    model: str
    base: str
    other: str
    base_nodes: int
    other_nodes: int
    more: dict[str, int]
    """Operators of which `other` has more nodes, and how many more: added, or not folded."""
    fewer: dict[str, int]
    """Operators of which `other` has fewer, and how many fewer: dropped, or merged into others."""


@dataclasses.dataclass(frozen=True)
class OperatorTotal:
    """One operator over all models that both sides of a comparison have."""

    base: str
    other: str
    operator: str
    models: int
    """Models in which the two numbers differ."""
    base_nodes: int
    other_nodes: int


def conversions(rows: Iterable[Record]) -> list[Conversion]:
    """The artifacts behind `rows`, each once; a sidecar that is missing, or belongs to another file, is ignored.

    Args:
        rows: rows of results.csv, None for every missing value.
    """
    by_digest = {row["artifact_sha256"]: row for row in rows if row["artifact_sha256"] and row["exporter"]}
    return [_conversion(row) for row in by_digest.values()]


def _conversion(row: Record) -> Conversion:
    operators, phases_s = _provenance(row["artifact_path"], row["artifact_sha256"])
    return Conversion(
        row["model"],
        row["exporter"],
        kind_of(row, "graph"),
        row["precision"],
        row["artifact_sha256"],
        row["artifact_mib"],
        row["conversion_s"],
        phases_s,
        row["verification_relative_l2"],
        operators,
    )


def _provenance(artifact_path: str, sha256: str) -> tuple[dict[str, int], dict[str, float]]:
    """Operators and seconds from the sidecar of an artifact; empty if it has none."""
    if not artifact_path:
        return {}, {}
    artifact = Path(artifact_path)
    in_cache = _sidecar(artifact.with_name(_IN_CACHE), sha256)
    return in_cache if in_cache[0] else _sidecar(artifact.with_suffix(_IN_BUNDLE), sha256)


def int8_scheme(row: Record) -> str:
    """Whose rules an int8 artifact is quantised by, from its sidecar; empty for other artifacts, and without one."""
    if row["precision"] != "int8" or not row["artifact_path"]:
        return ""
    artifact = Path(row["artifact_path"])
    for path in (artifact.with_name(_IN_CACHE), artifact.with_suffix(_IN_BUNDLE)):
        try:
            provenance = json.loads(path.read_text(encoding="utf-8"))
            if provenance["sha256"] == row["artifact_sha256"]:
                return str(provenance["recipe"]["scheme"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""


def _sidecar(path: Path, sha256: str) -> tuple[dict[str, int], dict[str, float]]:
    """Operators and seconds of a sidecar; empty if it does not belong to this artifact."""
    try:
        provenance = json.loads(path.read_text(encoding="utf-8"))
        if provenance["sha256"] != sha256:
            return {}, {}
        operators = {str(name): int(count) for name, count in provenance["operators"].items()}
        return operators, {str(name): float(value) for name, value in provenance["seconds"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, {}


def differences(found: Sequence[Conversion], varying: Varying) -> list[Difference]:
    """The differences between each model's graphs from two exporters, or in two precisions."""
    return [_difference(base, other, varying) for base, other in _graph_pairs(found, varying)]


def _graph_pairs(found: Sequence[Conversion], varying: Varying) -> list[tuple[Record, Record]]:
    return pairs((vars(conversion) for conversion in found if conversion.operators), varying, ("model",))


def _difference(base: Record, other: Record, varying: Varying) -> Difference:
    changes: collections.Counter[str] = collections.Counter(other["operators"])
    changes.subtract(base["operators"])
    return Difference(
        base["model"],
        kind_of(base, varying),
        kind_of(other, varying),
        sum(base["operators"].values()),
        sum(other["operators"].values()),
        {name: count for name, count in sorted(changes.items()) if count > 0},
        {name: -count for name, count in sorted(changes.items()) if count < 0},
    )


def operator_totals(found: Sequence[Conversion], varying: Varying) -> list[OperatorTotal]:
    """The operators whose number differs between two versions of any model, largest difference first."""
    totals: dict[tuple[str, str, str], list[int]] = {}
    for base, other in _graph_pairs(found, varying):
        for name in base["operators"].keys() | other["operators"].keys():
            counts = (base["operators"].get(name, 0), other["operators"].get(name, 0))
            total = totals.setdefault((kind_of(base, varying), kind_of(other, varying), name), [0, 0, 0])
            total[0] += counts[0] != counts[1]
            total[1] += counts[0]
            total[2] += counts[1]
    differing = [OperatorTotal(*key, *total) for key, total in totals.items() if total[0]]
    return sorted(differing, key=lambda total: (-abs(total.other_nodes - total.base_nodes), total.operator))
