"""What a history refuses."""

from __future__ import annotations

from harness.errors import HarnessError


class HistoryError(HarnessError):
    """The history cannot be read or added to; the message names the file and what to do."""
