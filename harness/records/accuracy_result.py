"""The result of evaluating one series."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class AccuracyResult:
    """The accuracy of one series on one set of images, or why there is none."""

    images: str
    """Name of the set of images."""
    images_digest: str
    """Digest of its names and labels."""
    reason: str = ""
    """Why there is no accuracy, on one line; empty if there is one."""
    images_count: int | None = None
    """Images behind the accuracy: those that could be read. None without an accuracy, as are all fields below."""
    unreadable_count: int | None = None
    classes_count: int | None = None
    """Classes that the network tells apart; None if an older version measured it, as is the next."""
    classes_covered_count: int | None = None
    """Classes that the images behind the accuracy have."""
    top1_correct_count: int | None = None
    top5_correct_count: int | None = None
    """None if there are five classes or fewer."""
    predictions: str = ""
    """The file of every image's top-5, relative to the run directory."""
    preprocessing: str = ""
    """From an image to the network's input, in words; empty if an older version measured it."""
    pixels_by: str = ""
    """Libraries that decoded and resized, with versions; empty if an older version measured it."""
    computed_in: str = ""
    """How the precision was computed in place of the runtime's kernels; empty if these computed it."""
    warnings: str = ""
    """What a reader should know about the accuracy, in sentences."""
    evaluated_at: str = ""
    """UTC, ISO 8601."""

    @property
    def measured(self) -> bool:
        """Whether there is an accuracy."""
        return self.images_count is not None

    @property
    def covers_all_classes(self) -> bool:
        """Whether the images have all classes of the network, as far as is known."""
        return self.classes_count is None or self.classes_covered_count == self.classes_count

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> AccuracyResult:
        """The result read back."""
        return cls(**data)
