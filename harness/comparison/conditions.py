"""Whether two evaluations saw their images alike: the preprocessing, and the libraries that made the pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from harness.records.accuracy_result import AccuracyResult

UNKNOWN = "unknown (an older version did not record it)"

PREPROCESSING, PIXEL_LIBRARIES = "preprocessing", "pixel libraries"


@dataclasses.dataclass(frozen=True)
class Condition:
    """One condition that differs between two evaluations, or may differ since one side is unknown."""

    name: str
    """`PREPROCESSING` or `PIXEL_LIBRARIES`."""
    base: str
    """In words, or `UNKNOWN`."""
    other: str
    certain: bool = True
    """Whether it differs, rather than that it may."""

    @property
    def label(self) -> str:
        """The condition in a line of the table."""
        return self.name if self.certain else f"{self.name} unknown"


def differing_conditions(
    base: AccuracyResult, other: AccuracyResult, base_identity: Mapping[str, Any], other_identity: Mapping[str, Any]
) -> tuple[Condition, ...]:
    """The conditions in which two evaluations of the same images differ, or may differ.

    Args:
        base: the evaluation that the other one is compared with.
        other: the other one.
        base_identity: what the base's stored predictions belong to.
        other_identity: the same of the other one.
    """
    found = []
    if not _same_preprocessing(base, other, base_identity, other_identity):
        found.append(Condition(PREPROCESSING, base.preprocessing or UNKNOWN, other.preprocessing or UNKNOWN))
    both_known = bool(base.pixels_by and other.pixels_by)
    if not both_known or base.pixels_by != other.pixels_by:
        found.append(Condition(PIXEL_LIBRARIES, base.pixels_by or UNKNOWN, other.pixels_by or UNKNOWN, both_known))
    return tuple(found)


def _same_preprocessing(
    base: AccuracyResult, other: AccuracyResult, base_identity: Mapping[str, Any], other_identity: Mapping[str, Any]
) -> bool:
    """Whether both were preprocessed alike, which predictions of every version state by a digest.

    The words decide as well: equal steps may have been stated with other digests, as 0 and 0.0 are.
    """
    if base.preprocessing and base.preprocessing == other.preprocessing:
        return True
    return all(base_identity.get(name) == other_identity.get(name) for name in ("preprocessing", "resolution"))
