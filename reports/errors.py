"""The error of a report that cannot be made."""

from __future__ import annotations

from harness.errors import HarnessError


class ReportError(HarnessError):
    """The report cannot be made; the message says what to do about it."""
