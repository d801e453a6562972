"""The class numbers of ImageNet's development kit, 1 to 1000, which are not in the order of the wnids.

Its readme says so about `ILSVRC2012_validation_ground_truth.txt`; the class of each number is in `meta.mat` beside it
(a struct array `synsets` with `ILSVRC2012_ID` and `WNID`), or in `map_clsloc.txt` of later kits (`n02119789 1
kit_fox`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.datasets import imagenet
from harness.errors import AccuracyError

_META = "meta.mat"
_MAP = "map_clsloc.txt"


def labels(path: Path, ids: Sequence[int]) -> list[int]:
    """Class indices of the devkit's numbers.

    Args:
        path: the file that the numbers were read from; the mapping is looked for beside it.
        ids: the numbers, each from 1 to 1000.

    Raises:
        AccuracyError: a number is out of range, or the mapping is missing or damaged.
    """
    if min(ids) < 1 or max(ids) > imagenet.CLASSES:
        raise AccuracyError(
            f"{path} has numbers from {min(ids)} to {max(ids)} without file names; the devkit's are from 1 to "
            "1000, and the order of other numbers is unknown. Give lines 'file index', or one wnid per line"
        )
    wnid_of = _mapping(path.parent)
    if wnid_of is None:
        raise AccuracyError(
            f"{path} numbers the classes as ImageNet's devkit does, which is not the order of the wnids. Put the "
            f"devkit's {_META} (or {_MAP}) beside it, or give LOC_val_solution.csv, a val.txt of lines 'file index', "
            "or imagenet_2012_validation_synset_labels.txt"
        )
    index_of = imagenet.index_of_wnid()
    return [index_of[wnid_of[number]] for number in ids]


def _mapping(folder: Path) -> dict[int, str] | None:
    """Number to wnid, from the first file that exists."""
    for name, read in ((_META, _from_meta), (_MAP, _from_map)):
        path = folder / name
        if path.is_file():
            return _checked(path, read(path))
    return None


def _from_meta(path: Path) -> Iterable[tuple[int, str]]:
    from scipy.io import loadmat

    try:
        synsets = loadmat(path, variable_names=["synsets"], squeeze_me=True)["synsets"]
        return [
            (int(number), str(wnid)) for number, wnid in zip(synsets["ILSVRC2012_ID"], synsets["WNID"], strict=True)
        ]
    # scipy does not document what a damaged file raises: it may be anything.
    except Exception as error:
        raise _damaged(path, repr(error)) from error


def _from_map(path: Path) -> Iterable[tuple[int, str]]:
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [(int(row[1]), row[0]) for row in rows]
    except (OSError, UnicodeDecodeError, IndexError, ValueError) as error:
        raise _damaged(path, repr(error)) from error


def _checked(path: Path, pairs: Iterable[tuple[int, str]]) -> dict[int, str]:
    """The mapping, which must name every class once; the kit numbers its inner nodes from 1001."""
    leaves = [(number, wnid) for number, wnid in pairs if number <= imagenet.CLASSES]
    wnid_of = dict(leaves)
    whole = sorted(number for number, _ in leaves) == list(range(1, imagenet.CLASSES + 1))
    if not whole or set(wnid_of.values()) != set(imagenet.index_of_wnid()):
        raise _damaged(path, "it does not number ImageNet's 1,000 classes from 1 to 1000")
    return wnid_of


def _damaged(path: Path, reason: str) -> AccuracyError:
    return AccuracyError(f"{path} cannot be used ({reason}); take it from the devkit again")
