"""Requests, put together from the option groups."""

from __future__ import annotations

import argparse
import dataclasses

from foundation.vocabulary import DEFAULT_OPSET
from harness.artifacts.request import ArtifactRequest
from harness.commands.options.conversion import ConversionOptions
from harness.commands.options.gpu import GpuOptions
from harness.commands.options.models import FileOptions, ModelOptions
from harness.commands.options.precision import PrecisionOptions
from harness.commands.options.runtime import RuntimeOptions
from harness.commands.options.weights import WeightsOptions
from harness.runs.protocols import with_protocol
from harness.runs.request import RunRequest


def artifact_request(
    models: ModelOptions,
    files: FileOptions,
    precision: PrecisionOptions,
    weights: WeightsOptions,
    conversion: ConversionOptions,
) -> ArtifactRequest:
    """The artifacts that the groups request together; a record of defaults stands for a group that a command lacks."""
    return ArtifactRequest(
        models=models.models,
        own_models=models.own_models,
        onnx_files=files.onnx_files,
        shapes=files.shapes,
        inputs=files.inputs,
        custom_operators=files.custom_operators,
        artifacts=files.artifacts,
        precision=precision.precisions[0] if precision.precisions else ArtifactRequest.precision,
        file_precision=precision.precisions[0] if precision.precisions else "",
        float16_io=precision.float16_io,
        int8_scheme=precision.int8_scheme,
        calibration_images=precision.calibration_images,
        calibration_count=precision.calibration_count,
        batch=ArtifactRequest.batch if conversion.batch is None else conversion.batch,
        weights=weights.weights,
        mirror=weights.mirror,
        weights_lock=weights.weights_lock,
        implementation=conversion.implementation,
        exporter=conversion.exporter,
        graph=conversion.graphs[0] if conversion.graphs else ArtifactRequest.graph,
        opset=conversion.opset or DEFAULT_OPSET,
        resolution=conversion.resolution,
        preprocessing=conversion.preprocessing,
        conversion_timeout_s=conversion.timeout_s,
        workers=conversion.workers,
    )


@dataclasses.dataclass(frozen=True)
class RequestOptions:
    """The groups of every command that measures series on a device."""

    files: FileOptions
    runtime: RuntimeOptions
    precision: PrecisionOptions
    gpu: GpuOptions
    weights: WeightsOptions
    conversion: ConversionOptions

    @staticmethod
    def add(parser: argparse.ArgumentParser, weights: str = WeightsOptions.weights, *, several: bool = False) -> None:
        """Adds the groups except files and runtime, which each command puts elsewhere in its help.

        Args:
            parser: the command's parser.
            weights: default of --weights.
            several: whether the command takes several graphs and precisions.
        """
        PrecisionOptions.add(parser, several=several)
        GpuOptions.add(parser)
        WeightsOptions.add(parser, weights)
        ConversionOptions.add(parser, several=several)

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> RequestOptions:
        """The record of parsed arguments, including files and runtime."""
        return cls(
            FileOptions.read(arguments),
            RuntimeOptions.read(arguments),
            PrecisionOptions.read(arguments),
            GpuOptions.read(arguments),
            WeightsOptions.read(arguments),
            ConversionOptions.read(arguments),
        )

    def request(self, models: ModelOptions, protocol: str | None = None) -> RunRequest:
        """The request for these models, with the default rounds and budget of a run.

        Args:
            models: the selected models.
            protocol: name in `harness.runs.protocols` of a protocol that decides in the user's place.

        Raises:
            HarnessError: an option contradicts the protocol.
        """
        request = RunRequest(
            artifact_request(models, self.files, self.precision, self.weights, self.conversion),
            threads=self.runtime.threads,
            build_timeout_s=self.gpu.build.build_timeout_s,
            gpu=self.gpu.settings(),
            exclusive=self.gpu.exclusive,
        )
        asked = {
            "backend": ",".join(self.runtime.backends) or None,
            "graph": ",".join(self.conversion.graphs) or None,
            "precision": ",".join(self.precision.precisions) or None,
            "batch": self.conversion.batch,
            "cuda_graph": self.gpu.cuda_graph,
        }
        request = with_protocol(request, protocol, asked)
        if self.conversion.opset or self.files.artifacts:
            return request
        return request.with_readable_opset()
