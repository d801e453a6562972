"""The precision that models compute in."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from foundation.vocabulary import BF16, DEFAULT_CALIBRATION_COUNT, INT8_SCHEMES, MEASURED_PRECISIONS
from harness.artifacts.request import ArtifactRequest
from harness.commands.options.types import add_choice, as_several, count


@dataclasses.dataclass(frozen=True)
class PrecisionOptions:
    """The precisions, and what int8 takes its ranges from."""

    precisions: tuple[str, ...] = ()
    """Empty if the user left it open, one except for commands that take several."""
    int8_scheme: str = ""
    """One of `INT8_SCHEMES`; empty if the user left it open."""
    calibration_images: Path | None = None
    """Folder of images; generated ones if None."""
    calibration_count: int | None = None
    """Largest number of the folder's images that are used; None if the user left it open."""
    float16_io: bool = False
    """fp16: whether input and output are float16 too."""

    @staticmethod
    def add(
        parser: argparse.ArgumentParser,
        *,
        precisions: Sequence[str] = MEASURED_PRECISIONS,
        float16_io: bool = False,
        several: bool = False,
    ) -> None:
        """Adds the group `precision`.

        Args:
            parser: the command's parser.
            precisions: those that the user may choose.
            float16_io: whether the user may choose float16 for input and output.
            several: whether the command takes several precisions.
        """
        group = parser.add_argument_group(
            "precision", "fp16 and int8 artifacts are made from the fp32 one: docs/precision.md"
        )
        add_choice(
            group,
            "--precision",
            precisions,
            several=several,
            one="what models, and --onnx files of fp32, are converted to "
            f"({ArtifactRequest.precision}; of files, what their graphs say)"
            + ("; bf16: fp32 ones, computed in bfloat16 by backend openvino" if BF16 in precisions else ""),
            more="several",
        )
        PrecisionOptions.add_int8(group)
        if float16_io:
            group.add_argument(
                "--float16-io",
                action="store_true",
                help="fp16: input and output in float16 too, for other programs; `run` takes float32 inputs",
            )
        else:
            parser.set_defaults(float16_io=False)

    @staticmethod
    def add_int8(group: argparse._ActionsContainer) -> None:
        """Adds the options of int8."""
        group.add_argument(
            "--int8-scheme",
            choices=INT8_SCHEMES,
            help="whose rules of quantisation (those of the backend; of `convert`, TensorRT's)",
        )
        group.add_argument(
            "--calibration-images",
            type=Path,
            metavar="DIR",
            help="folder of images that int8 takes its ranges from, and on which alphanet's released weights are "
            "recalibrated; by default generated ones, with a warning",
        )
        group.add_argument(
            "--calibration-count",
            type=count,
            metavar="N",
            help=f"largest number of these images that int8 uses, a fixed draw ({DEFAULT_CALIBRATION_COUNT})",
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> PrecisionOptions:
        """The record of parsed arguments."""
        return cls(
            as_several(arguments.precision),
            arguments.int8_scheme or "",
            arguments.calibration_images,
            arguments.calibration_count,
            arguments.float16_io,
        )
