"""Which models: those of the zoo, user networks, and files."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable
from pathlib import Path

from foundation.selection import parts

MODELS_HELP = """\
MODELS are names, globs, sources or suites, separated by commas; case does not matter:
  regnet/RegNetY-200MF     one model
  'ofa/*note10*'           a glob on the whole name, or on its second half: '*b0'
  resnest                  a source
  all, mobile, smoke       a suite: every model; at most 600 M multiply-adds;
                           the smallest of each source
NETWORKS of --timm and --torchvision are names or globs of the installed package, as in its own list; a name with a tag
means certain weights: resnet50.a1_in1k, resnet50.IMAGENET1K_V1. Elsewhere they are named timm/NAME, torchvision/NAME.
"""

LIBRARIES = ("timm", "torchvision")
"""Libraries whose networks have an option of their own; `zoo.libraries` reads them."""


def add_libraries(group: argparse._ActionsContainer) -> None:
    """Adds --timm and --torchvision."""
    for library in LIBRARIES:
        group.add_argument(
            f"--{library}",
            action="append",
            default=[],
            metavar="NETWORKS",
            help=f"networks of {library}, by its own names and globs; may be repeated",
        )


def read_libraries(arguments: argparse.Namespace) -> list[str]:
    """The patterns of --timm and --torchvision, each with the name of its library."""
    return [pattern for library in LIBRARIES for pattern in of_library(library, getattr(arguments, library))]


def of_library(library: str, patterns: str | Iterable[str]) -> list[str]:
    """Patterns of a library's own names with the library's name before a slash, as they are selected everywhere."""
    return [f"{library}/{one.removeprefix(f'{library}/')}" for one in parts(patterns)]


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """Models to convert or to select."""

    models: tuple[str, ...] = ()
    """Names, globs, sources or suites of the zoo, and of libraries with the name of the library before a slash."""
    own_models: tuple[str, ...] = ()
    """`module:function` of user networks."""

    @staticmethod
    def add(parser: argparse.ArgumentParser) -> None:
        """Adds --models, --model and the options of libraries."""
        group = parser.add_argument_group("what")
        group.add_argument(
            "--models", action="append", default=[], metavar="MODELS", help="models of the zoo, see below"
        )
        add_libraries(group)
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
        return cls((*arguments.models, *read_libraries(arguments)), tuple(arguments.model))


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
