"""Which series share trials: an artifact is measured once, and the row of every model that has it shows that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.records.series import Measurement, Series


def measured_as(series: Iterable[Series], trials: Mapping[str, Any]) -> dict[str, Series]:
    """By the key of each series, the series whose trials its row shows.

    That is the series itself if it has trials of its own. Otherwise it is, among the series of the same measurement,
    the one that was measured first; if none was, the first that can be. So what a row shows stays the same, whatever
    models later sessions select, in whatever order.

    Args:
        series: all series of a run, in the order of its rows.
        trials: the finished trials by series key, the series that was measured first before the others.
    """
    members = {one.key: one for one in series}
    measured = [members[key] for key in trials if key in members]
    owners: dict[Measurement, Series] = {}
    for one in (*measured, *(one for one in members.values() if one.status == "ok")):
        owners.setdefault(one.measurement, one)
    return {key: one if key in trials else owners.get(one.measurement, one) for key, one in members.items()}
