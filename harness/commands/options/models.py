"""Which models: those of the zoo, user networks, and files."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from foundation.selection import parts
from harness.artifacts.onnx_files import OnnxFile
from harness.commands.options.types import array_file, named_shape, value_range

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
    asked = {"timm": arguments.timm, "torchvision": arguments.torchvision}
    return [pattern for library in LIBRARIES for pattern in of_library(library, asked[library])]


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

    onnx_files: tuple[OnnxFile, ...] = ()
    shapes: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    """The shape of files' inputs by name."""
    inputs: str = ""
    """What inputs hold: a range, a file, or nothing."""
    custom_operators: str = ""
    """Library of operators that the runtime lacks."""
    artifacts: Path | None = None
    """A bundle, within which `--models` then selects."""

    @staticmethod
    def add(parser: argparse.ArgumentParser) -> None:
        """Adds --onnx, --artifacts and the options of inputs."""
        FileOptions.add_files(parser, "an ONNX file, measured as it is, or made from it in --precision")
        parser.add_argument(
            "--artifacts",
            type=Path,
            metavar="DIR",
            help="measure what convert --export wrote, which needs no framework; --models then selects within it, "
            "as do --precision and --batch",
        )
        FileOptions.add_inputs(parser)

    @staticmethod
    def add_files(parser: argparse._ActionsContainer, what: str) -> None:
        """Adds --onnx; `what` says what becomes of a file."""
        parser.add_argument(
            "--onnx",
            action="append",
            default=[],
            type=OnnxFile.of,
            metavar="[NAME=]FILE",
            help=f"{what}; may be repeated. Its name in the table is the file's, with as much of the path as tells "
            "equal ones apart",
        )

    @staticmethod
    def add_inputs(parser: argparse._ActionsContainer) -> None:
        """Adds --shape, --custom-operators, --input-range and --input."""
        parser.add_argument(
            "--shape",
            action="append",
            default=[],
            type=named_shape,
            metavar="NAME:1x3x224x224",
            help="shape of an input that an ONNX file leaves free (--batch and --resolution for images, else, with a "
            "warning, 224 pixels); may be repeated",
        )
        parser.add_argument(
            "--custom-operators",
            type=Path,
            metavar="FILE",
            help="library of the operators of ONNX files that ONNX Runtime lacks (.so, .dll, .dylib)",
        )
        held = parser.add_mutually_exclusive_group()
        held.add_argument(
            "--input-range",
            type=value_range,
            metavar="LOW:HIGH",
            help="the values that user networks take, as in 0:255, or one range per channel with commas between them: "
            "uniform noise (what --preprocessing makes of pixels; without it standard normal noise, and integers by "
            "their types)",
        )
        held.add_argument(
            "--input",
            type=array_file,
            metavar="FILE",
            help="what the inputs of user networks hold: an .npy file, or an .npz file with an array for each name",
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> FileOptions:
        """The record of parsed arguments."""
        return cls(
            tuple(arguments.onnx),
            dict(arguments.shape),
            held_inputs(arguments),
            library_of(arguments),
            arguments.artifacts,
        )


def library_of(arguments: argparse.Namespace) -> str:
    """The library of custom operators, whole, so that it is the same in every process."""
    return str(arguments.custom_operators.absolute()) if arguments.custom_operators else ""


def held_inputs(arguments: argparse.Namespace) -> str:
    """What the options of `FileOptions.add_inputs` say that inputs hold."""
    return arguments.input_range or arguments.input or ""
