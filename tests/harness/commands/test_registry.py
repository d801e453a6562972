"""Which modules are imported when, and that no code asks which command it is in."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.commands import ENTRIES, Entry

HARNESS = Path(__file__).parents[3] / "harness"
NAMES = {entry.name for entry in ENTRIES}
HEAVY = {"matplotlib", "onnx", "onnxruntime", "pandas", "pyarrow", "rich", "scipy", "tensorflow", "torch"}


def nodes(folder: Path) -> Iterator[tuple[str, ast.AST]]:
    """Every node of the syntax trees below a folder, with its file and line."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            yield f"{file.relative_to(HARNESS.parent)}:{getattr(node, 'lineno', 0)}", node


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_command_can_be_loaded(entry: Entry) -> None:
    assert entry.load().run is not None


def test_names_are_unique_and_in_the_order_of_the_help() -> None:
    assert [entry.name for entry in ENTRIES] == [
        *("list", "show", "convert", "build", "run", "accuracy", "merge", "profile", "verify", "compare"),
        *("accuracy-compare", "gate", "conversion-cost", "sweep", "selfcheck", "history", "reproduce", "report", "env"),
    ]


IMPORTED = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from harness.__main__ import run_as_program
sys.exit(run_as_program())
"""


def imported(*words: str) -> set[str]:
    """The modules that a process of the program has imported when it ends."""
    ended = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words], cwd=HARNESS.parent, capture_output=True, text=True, check=True
    )
    return set(ended.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [["--help"], ["list", "smoke"], ["show", "RegNetY-200MF"], ["run", "--help"]])
def test_a_command_imports_only_what_it_needs(words: list[str]) -> None:
    assert imported(*words) & HEAVY == set()


def test_the_help_of_the_program_imports_no_command() -> None:
    commands = {name for name in imported("--help") if name.startswith("harness.commands.")}
    assert commands == {f"harness.commands.{name}" for name in ("command", "parser")}


def test_one_command_imports_no_other() -> None:
    modules = {entry.where.partition(":")[0] for entry in ENTRIES}
    found = {name.removeprefix("harness.commands.") for name in imported("list", "smoke")} & modules
    assert found == {"models"}


def compared_names(node: ast.AST) -> set[str]:
    """The names of commands that an expression compares something with, or looks up."""
    if not isinstance(node, ast.Compare | ast.match_case):
        return set()
    return NAMES & {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def test_no_code_asks_which_command_it_is_in() -> None:
    files = [*nodes(HARNESS / "commands")]
    assert [where for where, node in files if compared_names(node)] == []


def test_a_comparison_with_a_command_s_name_is_found() -> None:
    (compared,) = (node for node in ast.walk(ast.parse("x = a.command in ('run', 'b')")) if compared_names(node))
    assert compared_names(compared) == {"run"}


def test_options_are_read_as_they_were_parsed() -> None:
    """Neither guessed at (`getattr` with a default, `hasattr`) nor written to."""
    wrong = []
    for where, node in nodes(HARNESS / "commands"):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            wrong += [where] * (node.func.id in ("getattr", "hasattr", "setattr", "vars"))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "arguments":
            wrong += [where] * isinstance(node.ctx, ast.Store | ast.Del)
    assert wrong == []


def test_argparse_stays_in_the_room_of_the_commands() -> None:
    importers = {
        where.partition(":")[0]
        for where, node in nodes(HARNESS)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "argparse" in {alias.name for alias in node.names} | {getattr(node, "module", None)}
    }
    assert {path for path in importers if not path.startswith("harness/commands/")} == set()
