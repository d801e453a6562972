"""What is wrong with a request for a report."""

from __future__ import annotations

from harness.errors import HarnessError


class ReportError(HarnessError):
    """The report cannot be made; the message says what to do about it."""
