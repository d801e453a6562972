from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import foundation

FOLDER = Path(foundation.__file__).parent


def _imported_at_once(file: Path) -> Iterator[str]:
    """Packages that importing the file imports; imports inside functions are left out."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_it_needs_the_standard_library_alone() -> None:
    allowed = {*sys.stdlib_module_names, "foundation"}
    imported = {file.name: set(_imported_at_once(file)) - allowed for file in FOLDER.rglob("*.py")}
    assert "replacing.py" in imported
    assert not any(imported.values()), imported
