"""What a comparison refuses."""

from __future__ import annotations

from harness.errors import HarnessError


class ComparisonError(HarnessError):
    """The runs given cannot be compared; the message names the file and what to do."""
