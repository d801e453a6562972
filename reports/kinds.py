"""The layers of a profile by kind, and the sentences about a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.text import significant

if TYPE_CHECKING:
    import pandas


def kind_names(rows: pandas.DataFrame) -> pandas.Series[str]:
    """The kind of each layer with its variant, as in `Conv 3x3 depthwise`."""
    return (rows["kind"] + " " + rows["variant"]).str.strip().replace("", "unknown")


def kinds(rows: pandas.DataFrame) -> pandas.DataFrame:
    """One row per kind, the longest first: `layers` (count), `time_ms` and `share_percent`, by name.

    Args:
        rows: a profile, from `harness.records.profile_table.load_layers`.
    """
    found = (
        rows.groupby(kind_names(rows), sort=False)
        .agg(layers=("position", "size"), time_ms=("time_ms", "sum"), share_percent=("share_percent", "sum"))
        .sort_values("time_ms", ascending=False, kind="stable")
    )
    return found.rename_axis("kind")


def setting(rows: pandas.DataFrame) -> str:
    """How the profile was made, as in `onnxruntime 1.30.0, fp32, batch 1, a processor, 2 threads, 2026-01-31`."""
    first = rows.iloc[0]
    facts = [
        f"{first['runtime']} ({first['provider']})",
        first["precision_effective"],
        f"batch {first['batch']}",
        first["device"],
        f"{first['measured_at']:%Y-%m-%d}",
        f"environment {first['environment_id']}",
    ]
    return ", ".join(facts)


def balance(rows: pandas.DataFrame) -> str:
    """The sum of the layers, beside an inference without the profiler.

    The difference is the cost of the profiler, minus the time an inference spends between layers.
    """
    first = rows.iloc[0]
    total_ms, latency_ms = first["layers_total_ms"], first["latency_median_ms"]
    percent = 100 * (total_ms / latency_ms - 1)
    what = "GPU compute time of an inference" if first["latency_kind"] == "gpu_compute" else "An inference"
    count = "1 layer takes" if len(rows) == 1 else f"{len(rows)} layers add up to"
    return (
        f"{count} {significant(total_ms, 3)} ms. {what} without the profiler: {significant(latency_ms, 3)} ms, "
        f"so the profile is {abs(percent):.1f} % {'above' if percent >= 0 else 'below'} it."
    )


def doubts(rows: pandas.DataFrame) -> str:
    """What makes the times less trustworthy, and what to do; empty if nothing was seen."""
    first = rows.iloc[0]
    if not first["disturbances"]:
        return ""
    return (
        f"Disturbed while it was measured ({first['disturbances']}; others used {first['foreign_cores']:.1f} cores): "
        "profile again on a quiet machine."
    )
