"""The fixtures of a comparison's runs, for what reads their files."""

from __future__ import annotations

from tests.harness.comparison.conftest import make_row, write_run

__all__ = ["make_row", "write_run"]
