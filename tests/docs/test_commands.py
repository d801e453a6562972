"""Every command line of the project's programs that the documents and recipes show is one that they accept."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator

import pytest

import reports.cli
import zoo.cli
from harness.commands import ENTRIES
from harness.commands.parser import parse
from tests.docs.pages import PAGES

PROGRAM = re.compile(r"python -m (harness|zoo|reports)(?= )")
COMMIT = "$(git rev-parse --short HEAD)"
SHELL_VARIABLE = re.compile(r"\$\{\{[^}]*\}\}|\$[A-Z_]+")
"""A number that a scheduler sets, as in `--shard "$SLURM_ARRAY_TASK_ID/8"`."""


def shown_commands(text: str) -> Iterator[str]:
    """Every command line in indented blocks and inline code, from `harness`, `zoo` or `reports` on."""
    for line in re.sub(r"\\\n *", "", text).splitlines():
        is_block = line.startswith("    ") or line.startswith(("  workstation:", "  Jetson:"))
        for code in [line] if is_block else re.findall(r"`([^`]*)`", line):
            for part in re.split(r"&&|\s#\s|\s{3,}(?=\S)", code):
                if found := PROGRAM.search(part):
                    yield part[found.start(1) :].strip()


def is_accepted(command: str) -> bool:
    """Whether the program's parser takes the words of a command line."""
    program, *words = shlex.split(SHELL_VARIABLE.sub("1", command.replace(COMMIT, "LABEL")))
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            if program == "harness":
                parse(words)
            else:
                {"zoo": zoo.cli, "reports": reports.cli}[program].build_parser().parse_args(words)
        except SystemExit as end:
            return end.code == 0
    return True


SHOWN = sorted({command for page in PAGES for command in shown_commands(page.read_text(encoding="utf-8"))})


def test_the_documents_show_every_command() -> None:
    shown = {tuple(command.split()[:2]) for command in SHOWN}
    assert {("harness", entry.name) for entry in ENTRIES} <= shown
    assert {("zoo", "fetch"), ("zoo", "verify"), ("reports", "html"), ("reports", "plot")} <= shown


@pytest.mark.parametrize("command", SHOWN)
def test_a_command_of_the_documents_is_accepted(command: str) -> None:
    # Two words alone are a command's name.
    assert is_accepted(command if len(command.split()) > 2 else f"{command} --help")


@pytest.mark.parametrize(
    ("command", "accepted"),
    [
        ("harness list 'regnet/*Y*'", True),
        ("harness list --no-such-option", False),
        ("harness no-such-command", False),
        ("zoo fetch smoke --dry-run", True),
        ("reports plot cpu/", False),
    ],
)
def test_what_is_accepted(command: str, accepted: bool) -> None:
    assert is_accepted(command) is accepted
