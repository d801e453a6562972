"""The effect of a precision, an exporter or a placement of int8.

That is: the same model twice in one environment, with one thing changed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

from reports.pairs import Record, Varying, kind_of, pairs

_SAME = ("environment_id", "latency_kind", "backend", "batch", "model", "weights")


@dataclasses.dataclass(frozen=True)
class Effect:
    """One model in two versions; speed-ups above 1 mean that `other` is faster than `base`."""

    environment_id: str
    model: str
    source: str
    backend: str
    batch: int
    fixed: str
    """The exporter if the precision varies, else the precision."""
    base: str
    other: str
    base_ms: float
    other_ms: float
    speedup: float
    """Latency of `base` divided by that of `other`."""
    speedup_by_ratio: float | None
    """The same for the ratios to the reference network, which vary less on a shared machine; None if the
    two had different references."""
    told_apart: bool | None
    """Whether the 95 % intervals of the two latencies do not overlap; None if one has no interval."""
    base_error: float | None
    """Relative L2 error of the artifact's logits against the native model's, as is `other_error`."""
    other_error: float | None
    accuracy_change_percent: float | None
    """Measured top-1 of `other` minus that of `base`, in percentage points; None unless both were measured, on the same
    images with the same preprocessing."""
    shared: bool
    """Whether both show the trials of another model, which has the same artifacts."""


@dataclasses.dataclass(frozen=True)
class EffectSummary:
    """The effects of one source in one environment; models that share both artifacts count once."""

    environment_id: str
    source: str
    base: str
    other: str
    count: int
    mean_speedup: float
    """Geometric mean."""
    least_speedup: float
    largest_speedup: float
    largest_error: float | None
    """Largest relative L2 error of the `other` artifacts."""


def effects(rows: Iterable[Record], varying: Varying) -> list[Effect]:
    """The effect for every model of `rows` that has two precisions, two exporters, or two graphs that differ.

    Args:
        rows: ok rows of results.csv, None for every missing value.
        varying: what differs between the two.
    """
    found = pairs(rows, varying, _SAME)
    if varying == "graph":
        # Where nothing is fused, both rows show the trials of one file.
        found = [(base, other) for base, other in found if base["artifact_sha256"] != other["artifact_sha256"]]
    return [_effect(base, other, varying) for base, other in found]


def _effect(base: Record, other: Record, varying: Varying) -> Effect:
    by_ratio = None
    if (
        base["reference_sha256"] == other["reference_sha256"]
        and base["ratio_to_reference"]
        and other["ratio_to_reference"]
    ):
        by_ratio = base["ratio_to_reference"] / other["ratio_to_reference"]
    return Effect(
        environment_id=base["environment_id"],
        model=base["model"],
        source=base["source"],
        backend=base["backend"],
        batch=base["batch"],
        fixed=kind_of(base, "exporter" if varying == "precision" else "precision"),
        base=kind_of(base, varying),
        other=kind_of(other, varying),
        base_ms=base["latency_median_ms"],
        other_ms=other["latency_median_ms"],
        speedup=base["latency_median_ms"] / other["latency_median_ms"],
        speedup_by_ratio=by_ratio,
        told_apart=_told_apart(base, other),
        base_error=base["verification_relative_l2"],
        other_error=other["verification_relative_l2"],
        accuracy_change_percent=_accuracy_change_percent(base, other),
        shared=all(row["measured_as"] not in ("", row["model"]) for row in (base, other)),
    )


def _accuracy_change_percent(base: Record, other: Record) -> float | None:
    before, after = (row["accuracy_measured_top1_percent"] for row in (base, other))
    alike = all(base[name] == other[name] for name in ("accuracy_images_digest", "accuracy_preprocessing"))
    return after - before if alike and before is not None and after is not None else None


def _told_apart(base: Record, other: Record) -> bool | None:
    ends = [row[name] for row in (base, other) for name in ("latency_low_ms", "latency_high_ms")]
    if None in ends:
        return None
    base_low, base_high, other_low, other_high = ends
    return bool(base_high < other_low or other_high < base_low)


def summarised(found: Sequence[Effect]) -> list[EffectSummary]:
    """The effects by environment, change and source."""
    families: dict[tuple[str, str, str, str], list[Effect]] = {}
    for effect in (one for one in found if not one.shared):
        key = (effect.environment_id, effect.base, effect.other, effect.source)
        families.setdefault(key, []).append(effect)
    return [_summary(members) for members in families.values()]


def _summary(members: Sequence[Effect]) -> EffectSummary:
    speedups = [effect.speedup_by_ratio or effect.speedup for effect in members]
    first = members[0]
    return EffectSummary(
        environment_id=first.environment_id,
        source=first.source,
        base=first.base,
        other=first.other,
        count=len(members),
        mean_speedup=math.exp(sum(map(math.log, speedups)) / len(speedups)),
        least_speedup=min(speedups),
        largest_speedup=max(speedups),
        largest_error=max((e.other_error for e in members if e.other_error is not None), default=None),
    )
