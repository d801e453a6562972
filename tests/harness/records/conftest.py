"""The fixtures of the comparison's runs, for the tests that read their files."""

from __future__ import annotations

from tests.harness.comparison.conftest import make_row, write_run

__all__ = ["make_row", "write_run"]
