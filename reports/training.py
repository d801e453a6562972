"""What the networks of a picture learned from, and among which of them its frontier is: like with like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, get_args

from foundation.vocabulary import FILE

if TYPE_CHECKING:
    import pandas

Training = Literal["imagenet-1k", "any"]
"""Among which networks a frontier is: those that learned from ImageNet-1k alone, or all of them. Where most networks
learned from another data set, as those for CIFAR-10, it takes the place of ImageNet-1k."""

ALONE: Training = "imagenet-1k"
ANY: Training = "any"
TRAININGS: tuple[Training, ...] = get_args(Training)

# As the zoo's cards write them, which a machine that only measures does not have.
_PLUS = " + "
_THROUGH_TEACHER = ", through the teacher"
_DATA = "accuracy_published_training_data"


def training_data(rows: pandas.DataFrame, kind: pandas.Series[str]) -> pandas.Series[str]:
    """The data behind the accuracy of each row, empty where it is not known.

    Args:
        rows: rows of results.csv.
        kind: kind of the accuracy that is shown for them, as `reports.groups.Group` describes it.
    """
    # The release says nothing about the training of another checkpoint.
    of_the_release = (rows["weights"] != FILE) | (kind == "published")
    return rows[_DATA].where(of_the_release, "")


def usual_data(data: pandas.Series[str]) -> str:
    """The data set that most of these networks learned from, alone or with others; empty if none is known."""
    counts = data[data != ""].str.split(_PLUS, regex=False).str[0].value_counts()
    return "" if counts.empty else str(counts.index[0])


def is_other_data(data: pandas.Series[str], usual: str) -> pandas.Series[bool]:
    """Whether each network learned from more than the usual data set, or from another one."""
    return (data != "") & (data != usual)


def difference(data: Iterable[str], usual: str) -> str:
    """How these data differ from the usual data set, as in `also saw ImageNet-12k or JFT-300M (unlabelled)`."""
    texts = sorted(set(data))
    also = [text.removeprefix(usual + _PLUS) for text in texts if text.startswith(usual + _PLUS)]
    instead = [text for text in texts if not text.startswith(usual + _PLUS)]
    taught = any(text.endswith(_THROUGH_TEACHER) for text in also)
    names = dict.fromkeys(text.removesuffix(_THROUGH_TEACHER) for text in also)
    parts = [
        ("also saw, or their teacher did, " if taught else "also saw ", names),
        ("learned from ", dict.fromkeys(instead)),
    ]
    return " or ".join(verb + " or ".join(members) for verb, members in parts if members)
