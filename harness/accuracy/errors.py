"""What can be wrong with a request for accuracy."""

from __future__ import annotations

from harness.errors import HarnessError


class AccuracyError(HarnessError):
    """Accuracy cannot be measured as asked; the message names the file and what to do about it."""
