"""Published ways of measuring, by name, and what each of them fixes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from harness.artifacts.variants import DIMENSIONS
from harness.errors import HarnessError
from harness.runs.request import RunRequest


@dataclasses.dataclass(frozen=True)
class Protocol:
    """The settings that a protocol fixes; everything else stays the user's choice."""

    backend: str
    precision: str
    batch: int
    cuda_graph: bool
    stated_in: str
    """Where it is described, and what it says."""


PROTOCOLS: dict[str, Protocol] = {
    "gpunet-paper": Protocol(
        backend="tensorrt",
        precision="fp16",
        batch=1,
        cuda_graph=False,
        stated_in="arXiv 2205.00841, 6.1.1: TensorRT, FP16, batch 1, median GPU compute time",
    ),
}


def with_protocol(request: RunRequest, name: str | None, asked: Mapping[str, Any]) -> RunRequest:
    """The request with what the protocol fixes and what the user asked for.

    Args:
        request: everything else.
        name: name of a protocol, or None.
        asked: `backend`, `graph`, `precision`, `batch` and `cuda_graph`; None for what the user left open. Of the first
            three several with commas between them are measured side by side.

    Raises:
        HarnessError: an option contradicts the protocol.
    """
    given = {option: value for option, value in asked.items() if value is not None}
    if name:
        fixed = dataclasses.asdict(PROTOCOLS[name])
        stated_in = fixed.pop("stated_in")
        for option, value in given.items():
            if value != fixed.get(option, value):
                raise HarnessError(
                    f"--protocol {name} measures with {option.replace('_', '-')} {fixed[option]} "
                    f"({stated_in}); leave out one of the two options"
                )
        given |= fixed
    gpu = dataclasses.replace(request.gpu, cuda_graph=given.pop("cuda_graph", request.gpu.cuda_graph))
    values = {option: tuple(given[option].split(",")) for option in DIMENSIONS if option in given}
    wanted = dataclasses.replace(request.wanted, **{**given, **{option: found[0] for option, found in values.items()}})
    varied = {option: found for option, found in values.items() if len(found) > 1}
    if name:
        wanted = dataclasses.replace(wanted, file_precision=wanted.precision)
    return dataclasses.replace(request, wanted=wanted, varied=varied, gpu=gpu, protocol=name or "")
