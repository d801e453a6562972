"""How the tensors of a checkpoint fit a network, by their names and shapes, in words that say what to do."""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterator, Mapping

from foundation.wording import listed

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes of tensors by name."""

_MOST_NAMED = 4


def misfits(own: Shapes, given: Shapes, *, may_lack: Collection[str] = (), classes: int = 0) -> str:
    """How a given state does not fit a network, in words; empty if all of it fits.

    Args:
        own: the network's tensors.
        given: the given tensors.
        may_lack: the network's tensors that need not be given.
        classes: number of classes of the network; 0 if it is not known.
    """
    prefix = main_prefix(own, given)
    named = {name.removeprefix(prefix): shape for name, shape in given.items() if name.startswith(prefix)}
    missing = [name for name in own if name not in named and name not in may_lack]
    unexpected = [name for name in named if name not in own]
    others = [name for name in own if name in named and named[name] != own[name]]
    shapes = [f"{name} has shape {named[name]}, the network {own[name]}" for name in others]
    lists = {"missing ": missing, "unexpected ": unexpected, "": shapes}
    problems = [f"{what}{listed(texts, _MOST_NAMED)}" for what, texts in lists.items() if texts]
    if others and not missing and not unexpected and (there := _other_classes(own, named, others, classes)):
        problems.insert(0, f"it is a checkpoint for {there:,} classes, and the network has {classes:,}")
    elif missing and unexpected:
        problems.insert(0, _of_other_names(own, named))
    if prefix and problems:
        problems.insert(0, f"under the prefix {prefix!r} of its names")
    return "; ".join(filter(None, problems))


def main_prefix(own: Collection[str], given: Collection[str]) -> str:
    """The one prefix under which more than half of the network's tensors are given; empty if there is none."""
    (prefix, count), (_, next_count), *_ = [*prefixes(own, given).most_common(2), ("", 0), ("", 0)]
    return prefix if 2 * count > len(own) and count > next_count else ""


def _of_other_names(own: Collection[str], given: Collection[str]) -> str:
    """That all names are others, or lack a prefix; empty if neither is so."""
    if lacking := main_prefix(given, own):
        return f"its names lack the prefix {lacking!r} of the network's"
    if set(own).isdisjoint(given):
        return "its tensors have none of the network's names"
    return ""


def _other_classes(own: Shapes, given: Shapes, others: list[str], classes: int) -> int:
    """The number of classes of a checkpoint that differs in this alone; 0 if it differs otherwise.

    Classes are the first size of PyTorch's tensors and the last of TensorFlow's.
    """
    for axis in (0, -1):
        found = {_only_at(axis, own[name], given[name]) for name in others}
        if len(found) == 1 and (pair := found.pop()) is not None and pair[0] == classes:
            return pair[1]
    return 0


def _only_at(axis: int, own: tuple[int, ...], given: tuple[int, ...]) -> tuple[int, int] | None:
    """The sizes of two shapes at an axis; None if they differ elsewhere."""
    if len(own) != len(given) or not own:
        return None
    changed = list(own)
    changed[axis] = given[axis]
    return (own[axis], given[axis]) if tuple(changed) == given else None


def prefixes(own: Collection[str], given: Collection[str]) -> collections.Counter[str]:
    """How many of the network's tensors are given under each prefix, such as `model.`; the empty one among them."""
    return collections.Counter(
        name[:start] for name in given for start in _starts_of_parts(name) if name[start:] in own
    )


def whole_prefixes(own: Collection[str], given: Collection[str], may_lack: Collection[str]) -> list[str]:
    """The prefixes under which every tensor of the network is given that it needs."""
    needed = [name for name in own if name not in may_lack]
    there = set(given)
    return [prefix for prefix in prefixes(own, given) if all(prefix + name in there for name in needed)]


def _starts_of_parts(name: str) -> Iterator[int]:
    yield 0
    yield from (position + 1 for position, character in enumerate(name[:-1]) if character == ".")
