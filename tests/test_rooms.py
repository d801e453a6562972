"""Which room may import which: docs/architecture.md explains the floors.

Every import counts, those inside functions and under TYPE_CHECKING too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the ground up; a module imports only from its own room and from lower floors. Rooms on one floor do not import
# each other.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"foundation"}),
    frozenset({"zoo"}),
    frozenset({"converters"}),
    frozenset({"harness.errors", "harness.vocabulary"}),
    frozenset({"harness.text"}),
    frozenset({"harness.files", "harness.stats", "harness.datasets"}),
    frozenset({"harness.machine"}),
    frozenset({"harness.timing"}),
    frozenset({"harness.backends"}),
    frozenset({"harness.processes"}),
    frozenset({"harness.records"}),
    frozenset({"harness.artifacts"}),
    frozenset({"harness.runs"}),
    frozenset({"harness.accuracy"}),
    frozenset({"harness.comparison"}),
    frozenset({"harness.history", "harness.merging", "harness.reproduction", "harness.sweep"}),
    frozenset({"harness.hosts"}),
    frozenset({"reports"}),
    frozenset({"harness.commands"}),
    frozenset({"harness.api", "harness.__main__"}),
    frozenset({"harness"}),
)
_FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
_PACKAGES = ("foundation", "zoo", "converters", "harness", "reports")

# Rooms of the harness that may import the code that builds and converts models; all others see only artifacts.
_KNOW_MODELS = ("harness.artifacts", "harness.accuracy", "harness.commands")

# The one runtime that runs networks instead of artifacts: the frameworks that they are exported from.
_RUNS_NETWORKS = "harness.backends.frameworks."


def _modules() -> dict[str, Path]:
    files = (file for package in _PACKAGES for file in (ROOT / package).rglob("*.py"))
    return {_name(file): file for file in files}


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(module: str) -> str:
    """The room of a module: the longest name of a room that begins its own."""
    package, _, rest = module.partition(".")
    inside = f"{package}.{rest.split('.')[0]}"
    return inside if inside in _FLOOR_OF else package


def _imports(module: str, file: Path, modules: dict[str, Path]) -> Iterator[tuple[str, int]]:
    """The project's modules that a file imports, with the line of each import."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            parent = node.module or ""
            names = [
                f"{parent}.{alias.name}" if f"{parent}.{alias.name}" in modules else parent for alias in node.names
            ]
        else:
            continue
        for name in dict.fromkeys(names):
            if name in modules and name != module:
                yield name, node.lineno


def _graph() -> dict[str, dict[str, int]]:
    modules = _modules()
    return {name: dict(_imports(name, file, modules)) for name, file in modules.items()}


def upward_arrows(graph: dict[str, dict[str, int]]) -> list[str]:
    """Imports from a higher floor, or from another room of the same floor, each with file and line."""
    modules = _modules()
    arrows = []
    for module, imported in graph.items():
        for name, line in imported.items():
            here, there = _room(module), _room(name)
            if here != there and _FLOOR_OF[there] >= _FLOOR_OF[here]:
                arrows.append(f"{modules[module].relative_to(ROOT)}:{line}: {here} imports {there} ({name})")
    return arrows


def circles(graph: dict[str, dict[str, int]]) -> list[list[str]]:
    """Groups of modules that import one another, directly or not (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for name in graph[module]:
            if name not in index:
                visit(name)
                low[module] = min(low[module], low[name])
            elif name in stack:
                low[module] = min(low[module], index[name])
        if low[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in graph:
        if module not in index:
            visit(module)
    return found


def test_no_arrow_points_upward() -> None:
    assert upward_arrows(_graph()) == []


def test_there_is_no_import_circle() -> None:
    assert circles(_graph()) == []


def test_every_module_stands_in_a_room() -> None:
    homeless = [module for module in _modules() if _room(module) not in _FLOOR_OF]
    assert homeless == []


def test_few_modules_lie_loose_in_harness() -> None:
    loose = [file.name for file in (ROOT / "harness").glob("*.py") if file.name not in ("__init__.py", "__main__.py")]
    assert len(loose) <= 6, loose


def test_only_commands_import_reports() -> None:
    graph = _graph()
    known = {"reports", "harness.commands", "harness.api"}
    importers = {
        _room(module) for module, imported in graph.items() if any(_room(name) == "reports" for name in imported)
    }
    assert importers <= known


@pytest.mark.parametrize("package", ["zoo", "converters"])
def test_only_rooms_that_convert_know_models(package: str) -> None:
    importers = {
        _room(module)
        for module, imported in _graph().items()
        if module.startswith("harness") and any(_room(name) == package for name in imported)
        if not (package == "zoo" and module.startswith(_RUNS_NETWORKS))
    }
    assert importers <= set(_KNOW_MODELS)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, its docstring aside."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_function_is_longer_than_40_lines() -> None:
    long = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {node.name} has {body_lines(node)} lines"
        for file in _modules().values()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > 40
    ]
    assert long == []


def test_an_upward_arrow_is_reported_with_file_and_line() -> None:
    graph = {"harness.stats.trials": {"harness.commands.run": 7}, "harness.commands.run": {}}
    assert upward_arrows(graph) == [
        "harness/stats/trials.py:7: harness.stats imports harness.commands (harness.commands.run)"
    ]


def test_a_circle_is_found() -> None:
    graph = {"a": {"b": 1}, "b": {"c": 1}, "c": {"b": 1}}
    assert circles(graph) == [["b", "c"]]


def test_the_page_of_the_architecture_names_what_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    paths = set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", page))
    missing = [path for path in paths if not any((ROOT / place / path).exists() for place in (".", "harness"))]
    assert len(paths) > 20
    assert missing == []


def test_the_page_of_the_architecture_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = {room.removeprefix("harness.") for floor in FLOORS for room in floor} - {"harness"}
    assert [room for room in rooms if not re.search(rf"\b{room}\b", page)] == []
