"""Parses the command line into a command and its options."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import re
from collections.abc import Sequence

from foundation.whole_options import WholeOptionsParser
from harness.commands import ENTRIES
from harness.commands.command import Command

_DESCRIPTION = """\
Honest latency and accuracy baselines of efficient CNNs, measured on this machine.

Start here:
  python -m harness list                       the available models
  python -m harness run --models smoke         one small model of each source
  python -m harness run --models all           the whole zoo
  python -m harness accuracy --images DIR --models all      its accuracy on labelled images
  python -m harness report results             the table and the picture again
  python -m harness profile gpunet/GPUNet-0    which layers of a model take the time
"""

_ALIKE = 0.8
"""Share of letters in common from which an option is taken for a misspelled one (`difflib`)."""


@dataclasses.dataclass(frozen=True)
class ParsedCommand:
    """A requested command, with its options."""

    name: str
    command: Command
    options: argparse.Namespace

    def run(self) -> int:
        """Runs the command; returns the exit code."""
        return self.command.run(self.options)


def parse(words: Sequence[str]) -> ParsedCommand:
    """Parses the words after the program's name; like any argparse parser, exits on --help and on invalid ones.

    Only the module of the requested command is imported.
    """
    parser = WholeOptionsParser(
        prog="python -m harness", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    parsers = {entry.name: commands.add_parser(entry.name, help=entry.help) for entry in ENTRIES}
    entry = next((entry for entry in ENTRIES if entry.name == (words[0] if words else "")), None)
    if entry is None:
        # A request for help or a mistake: argparse answers it, and exits.
        parser.parse_args(words)
        parser.error("the first word must be a COMMAND")
    command = entry.load()
    asked = parsers[entry.name]
    asked.description, asked.epilog = command.description, command.epilog
    asked.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_options(asked)
    spelled_out = command.spelled_out(words[1:])
    asked.set_defaults(words=tuple(spelled_out))
    options, unknown = parser.parse_known_args([entry.name, *spelled_out])
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{_advice(unknown, options, asked)}")
    return ParsedCommand(entry.name, command, options)


def _advice(unknown: Sequence[str], options: argparse.Namespace, asked: argparse.ArgumentParser) -> str:
    """How to give what was given without an option, or the option that is spelled alike; empty if there is none."""
    mistaken = next((word.partition("=")[0] for word in unknown if word.startswith("-")), "")
    if mistaken:
        known = re.findall(r"--[a-z0-9-]+", asked.format_usage())
        if mistaken == "-o" and "--output" in known:
            return "; did you mean --output?"
        alike = difflib.get_close_matches(mistaken, known, n=1, cutoff=_ALIKE)
        return f"; did you mean {alike[0]}?" if alike else ""
    if "onnx" in options and any(word.endswith(".onnx") for word in unknown):
        return "; give each ONNX file as --onnx FILE"
    return "; give models as --models MODELS" if "models" in options else ""
