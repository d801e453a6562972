"""What the frontier of a group rests on: the accuracy behind it, and what its networks learned from."""

from __future__ import annotations

from foundation.wording import counted
from reports.groups import Group
from reports.text import code
from reports.training import ANY, difference

_NAMED_MAX = 5
"""Networks of unknown training that are named; of more only the number is given."""


def frontier_notes(group: Group) -> list[str]:
    """Notes on the frontier of a group, a sentence or two each."""
    return [note for note in (_accuracy(group), _other_data(group), _unknown_data(group)) if note]


def unknown_data(group: Group) -> str:
    """Whose training data is not known, for a caption; empty if all is."""
    unknown, networks = _unknown(group), group.comparable["model"].nunique()
    if not unknown:
        return ""
    if len(unknown) == networks:
        return "training data not known"
    return f"training data of {counted(len(unknown), 'network')} not known"


def _accuracy(group: Group) -> str:
    """The kind of accuracy; empty if all of it is measured."""
    if group.comparable.empty:
        known = "" if group.rows["accuracy_percent"].isna().all() else " for a known number of classes"
        return f"No row has an accuracy{known}, so there is no frontier."
    kinds = set(group.contenders["accuracy_kind"])
    if kinds == {"published"}:
        return "The frontier rests on published accuracy only: none of its networks was measured with images."
    if kinds == {"measured", "published"}:
        return "The frontier uses published accuracy where none was measured."
    return ""


def _other_data(group: Group) -> str:
    rows = group.comparable
    others = rows[rows["other_data"]]
    if others.empty:
        return ""
    number = f"{others['model'].nunique()} of {counted(rows['model'].nunique(), 'network')}"
    saw = difference(others["training_data"], group.usual_data)
    if group.training == ANY:
        return f"The frontier is among all networks, whatever they learned from. {number} {saw}: hollow in the picture."
    if group.contenders.empty:
        return f"None of the networks learned from {group.usual_data} alone ({number} {saw}), so there is no frontier."
    return (
        f"The frontier is among networks that learned from {group.usual_data} alone. {number} {saw}: hollow in the "
        "picture, and not on the frontier."
    )


def _unknown_data(group: Group) -> str:
    unknown, networks = _unknown(group), group.comparable["model"].nunique()
    if not unknown:
        return ""
    if len(unknown) == networks:
        return "The training data of the networks is not known, so the frontier is among all of them."
    named = ", ".join(map(code, unknown))
    which = named if len(unknown) <= _NAMED_MAX else f"{len(unknown)} of {networks} networks"
    return f"The training data of {which} is not known; the frontier includes such networks."


def _unknown(group: Group) -> list[str]:
    """The comparable models whose training data is not known."""
    rows = group.comparable
    return [str(model) for model in rows.loc[rows["training_data"] == "", "model"].unique()]
