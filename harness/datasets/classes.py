"""The classes of a data set: which index each of their names has."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from harness.datasets import imagenet
from harness.datasets.numbered import are_indices, is_number, numbers_in, sorts_otherwise
from harness.errors import AccuracyError
from harness.text.lists import few

NAME = "name"
"""Classes in the sorted order of their names as text, as in torchvision's ImageFolder."""
NUMBER = "number"
"""Classes in the order of the numbers in their names."""
INDEX = "index"
"""The number in a name is the class's index; a network may have more classes."""
ORDERS = (NAME, NUMBER, INDEX)

_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Classes:
    """Names and indices of the classes."""

    index_of: Mapping[str, int]
    count: int
    """Number of classes of the labels: all of ImageNet's, even if the set has a few of them."""
    set_name: str = ""
    """Name of the data set that has these classes; empty for the user's own."""
    open_ended: bool = False
    """Whether labels are plain indices, so that a network may have more classes than the set names."""
    told: str = ""
    """How the classes are numbered, for the log; empty if their data set numbers them."""
    caution: str = ""
    """What a reader of the accuracy should know about the order."""

    @property
    def indices(self) -> tuple[int, ...]:
        """Indices of the classes in the set, ascending."""
        return tuple(sorted(set(self.index_of.values())))


def classes_of(names: Collection[str], place: Path, order: str = "") -> Classes:
    """The classes of folders or labels: ImageNet's 1,000 if a name is a wnid, otherwise the user's own.

    Args:
        names: every name once.
        place: where they are, for messages.
        order: one of `ORDERS`; if empty, numbers decide where names are numbered, and the sorted names otherwise.

    Raises:
        AccuracyError: a wnid is not one of the 1,000, there are other names beside wnids, or the names do not have the
            numbers that the order needs.
    """
    if order != NAME and any(map(imagenet.is_wnid, names)):
        return _imagenets(names, place)
    if order == NAME:
        return _listed(sorted(names), "sorted by name")
    numbers = numbers_in(names)
    if order:
        return _stated(numbers, place, order)
    if numbers is None:
        _check_numbers(names, place)
        return _listed(sorted(names), "sorted by name")
    in_order = sorted(names, key=numbers.__getitem__)
    if are_indices(in_order):
        return _listed(in_order, "names are the class indices")
    if not sorts_otherwise(names, numbers.__getitem__):
        return _listed(in_order, "sorted by name")
    caution = (
        f"classes are in the order of their numbers ({', '.join(in_order[:_SHOWN])}, ...), not sorted as text: "
        "--class-order name sorts them as torchvision's ImageFolder does"
    )
    return dataclasses.replace(_listed(in_order, "in the order of their numbers"), caution=caution)


def counted_classes(count: int) -> Classes:
    """Classes that are known by their indices alone."""
    return Classes({str(index): index for index in range(count)}, count)


def indexed_classes(indices: Collection[int]) -> Classes:
    """Classes of labels that are indices, each of which a network may or may not have."""
    low, high = min(indices), max(indices)
    told = f"labels from {low:,} to {high:,} are class indices, counted from 0"
    return Classes({str(index): index for index in indices}, high + 1, open_ended=True, told=told)


def _imagenets(names: Collection[str], place: Path) -> Classes:
    known = imagenet.index_of_wnid()
    if unknown := [name for name in names if name not in known]:
        raise AccuracyError(
            f"{place} has classes that are not among ImageNet's 1,000 classes: {few(unknown)}; remove them. Names like "
            "n01440764 are read as ImageNet's: --class-order name takes them for your own classes, in sorted order"
        )
    return Classes({name: known[name] for name in names}, imagenet.CLASSES, imagenet.NAME)


def _stated(numbers: Mapping[str, int] | None, place: Path, order: str) -> Classes:
    if numbers is None:
        raise AccuracyError(f"{place} has classes without numbers, which --class-order {order} needs; omit it")
    in_order = sorted(numbers, key=numbers.__getitem__)
    if order == NUMBER:
        return _listed(in_order, "in the order of their numbers")
    told = f"classes, numbers are the class indices: {_shown(in_order, numbers)}"
    return Classes(numbers, max(numbers.values()) + 1, open_ended=True, told=told)


def _listed(in_order: Sequence[str], how: str) -> Classes:
    index_of = {name: index for index, name in enumerate(in_order)}
    return Classes(index_of, len(in_order), told=f"classes, {how}: {_shown(in_order, index_of)}")


def _shown(in_order: Sequence[str], index_of: Mapping[str, int]) -> str:
    """The first classes and the last with their indices, as in `cat is 0, dog is 1`."""
    shown = [f"{name} is {index_of[name]}" for name in in_order]
    if len(shown) > _SHOWN + 1:
        shown[_SHOWN:-1] = ["..."]
    return ", ".join(shown)


def _check_numbers(names: Collection[str], place: Path) -> None:
    """Refuses names that are mostly numbers which do not sort as they count: the others would hide it."""
    numbers = [name for name in names if is_number(name)]
    others = [name for name in names if not is_number(name)]
    if 2 * len(numbers) > len(names) and sorts_otherwise(numbers, int):
        wrong = others or [name for name in numbers if str(int(name)) != name]
        raise AccuracyError(
            f"{place} has classes that are numbers, and others ({few(wrong)}); remove those that are not classes, or "
            "state the order: --class-order name sorts all as text"
        )
