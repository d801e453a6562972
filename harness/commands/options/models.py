"""Which models: those of the zoo, user networks, and files."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

MODELS_HELP = """\
MODELS are names, globs, sources or suites, separated by commas; case does not matter:
  regnet/RegNetY-200MF     one model
  'ofa/*note10*'           a glob on the whole name, or on its second half: '*b0'
  resnest                  a source
  all, mobile, smoke       a suite: every model; at most 600 M multiply-adds;
                           the smallest of each source
"""


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """Models to convert or to select."""

    models: tuple[str, ...] = ()
    """Names, globs, sources or suites of the zoo."""
    own_models: tuple[str, ...] = ()
    """`module:function` of user networks."""

    @staticmethod
    def add(parser: argparse.ArgumentParser) -> None:
        """Adds --models and --model."""
        group = parser.add_argument_group("what")
        group.add_argument(
            "--models", action="append", default=[], metavar="MODELS", help="models of the zoo, see below"
        )
        group.add_argument(
            "--model",
            action="append",
            default=[],
            metavar="MODULE:FUNCTION",
            help="a user network: a function that returns a torch.nn.Module, also MODULE:FUNCTION(name=value) with "
            "literal values; may be repeated",
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> ModelOptions:
        """The record of parsed arguments."""
        return cls(tuple(arguments.models), tuple(arguments.model))


@dataclasses.dataclass(frozen=True)
class FileOptions:
    """Artifacts that are measured without being converted."""

    onnx_files: tuple[Path, ...] = ()
    artifacts: Path | None = None
    """A bundle, within which `--models` then selects."""

    @staticmethod
    def add(parser: argparse.ArgumentParser) -> None:
        """Adds --onnx and --artifacts."""
        parser.add_argument(
            "--onnx",
            action="append",
            default=[],
            type=Path,
            metavar="FILE",
            help="an ONNX file, measured as it is; may be repeated",
        )
        parser.add_argument(
            "--artifacts",
            type=Path,
            metavar="DIR",
            help="measure what convert --export wrote, which needs no framework; --models then selects within it, "
            "as do --precision and --batch",
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> FileOptions:
        """The record of parsed arguments."""
        return cls(tuple(arguments.onnx), arguments.artifacts)
