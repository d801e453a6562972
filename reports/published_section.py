"""Latencies that the releases state beside the measured ones, as markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.text.tables import cell, table
from reports.names import short_names
from reports.published_latency import PublishedComparison, published_comparisons
from reports.ranks import Configuration
from reports.searched_for import SearchedGroup, searched_groups
from reports.text import code, form_text, significant
from reports.training import Training

if TYPE_CHECKING:
    import pandas

    from harness.records.series import Series

_READING = """\
The releases state these latencies for their own devices, runtimes and precisions: only the order can be compared. Ranks
count from 1, the fastest, among the networks of a line; equal figures share the mean. Kendall's tau is 1 if both orders
are the same and -1 if one is reversed; it takes three networks. The order of networks whose intervals overlap may be
chance.
"""

_FRONTIER_READING = """\
**Networks searched for one device, on the frontier here.** The frontier is among all networks of this run with a
comparable accuracy. *above it* is the median of the group's other networks: how much slower each is than the fastest
network that is at least as accurate.
"""


def published_section(rows: pandas.DataFrame, stated: Mapping[str, Series], training: Training) -> list[str]:
    """Parts of the report; empty if no measured network has a published latency or a target of a search.

    Args:
        rows: rows of one environment, whatever their status.
        stated: what the releases state, by model (`reports.runs.Runs.stated`).
        training: the networks that the frontier is among.
    """
    comparisons = published_comparisons(rows, stated)
    groups = searched_groups(rows, stated, training)
    parts = ["### Published latency beside measured\n"] if comparisons or groups else []
    if comparisons:
        parts += [_READING, _orders(comparisons), _figures(comparisons)]
    if groups:
        parts += [_FRONTIER_READING, _frontiers(groups)]
    return parts


def _measured_on(configuration: Configuration) -> str:
    return f"{configuration.backend} {form_text(configuration)}, batch {configuration.batch}"


def _several(configurations: list[Configuration]) -> bool:
    return len(set(configurations)) > 1


def _orders(comparisons: list[PublishedComparison]) -> str:
    several = _several([one.measured for one in comparisons])
    header = ("release", "published on", *["measured with"] * several, "networks", "Kendall's tau", "most out of place")
    lines = [
        (
            cell(one.source),
            cell(one.published_on),
            *[cell(_measured_on(one.measured))] * several,
            str(len(one.places)),
            "" if one.kendall_tau is None else f"{one.kendall_tau:.2f}",
            _out_of_place(one),
        )
        for one in comparisons
    ]
    return table(header, lines, align="ll" + "l" * several + "rrl")


def _out_of_place(comparison: PublishedComparison) -> str:
    place = comparison.most_moved
    if place is None or comparison.kendall_tau is None:
        return ""
    return f"{code(place.model)}: published {place.published_rank:g}, measured {place.measured_rank:g}"


def _figures(comparisons: list[PublishedComparison]) -> str:
    several = _several([one.measured for one in comparisons])
    models = list(dict.fromkeys(place.model for one in comparisons for place in one.places))
    short = dict(zip(models, short_names(models), strict=True))
    header = (
        "published on", *["measured with"] * several, "model", "published ms", "rank", "measured ms", "rank",
    )  # fmt: skip
    lines = [
        (
            cell(one.published_on),
            *[cell(_measured_on(one.measured))] * several,
            code(short[place.model]),
            f"{place.published_ms:g}",
            f"{place.published_rank:g}",
            significant(place.measured_ms),
            f"{place.measured_rank:g}",
        )
        for one in comparisons
        for place in one.places
    ]
    return table(header, lines, align="l" + "l" * several + "lrrrr")


def _frontiers(groups: list[SearchedGroup]) -> str:
    several = _several([one.measured for one in groups])
    header = (
        "searched for",
        "release",
        *["measured with"] * several,
        "networks",
        "on the frontier",
        "above it, median",
    )
    lines = [
        (
            cell(one.target) or "no target stated",
            cell(one.source),
            *[cell(_measured_on(one.measured))] * several,
            str(one.networks),
            str(len(one.on_frontier)),
            "" if one.excess_percent is None else f"{one.excess_percent:.0f} %",
        )
        for one in groups
    ]
    return table(header, lines, align="ll" + "l" * several + "rrr")
