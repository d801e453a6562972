"""The run's questions to the evaluating process and its answers: JSON objects (`harness.processes.child_process`)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.accuracy.targets import EvaluationTarget


@dataclasses.dataclass(frozen=True)
class OpenImages:
    """Open these images, to be prepared in this way; asked once, before anything else."""

    selection: dict[str, Any]
    """Result of `AccuracyRequest.selection`."""
    images_digest: str
    """Digest that the images must have."""
    image_cache: str
    """Folder of resized images; empty for none."""
    decoders: int
    """Threads that decode."""

    def to_json(self) -> dict[str, Any]:
        """The question as a JSON object."""
        return {"ask": "open", **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> OpenImages:
        """The question read back."""
        return cls(**{name: value for name, value in data.items() if name != "ask"})


@dataclasses.dataclass(frozen=True)
class Load:
    """Prepare the images from `start` to before `stop`, and begin with those after them."""

    start: int
    stop: int
    next_stop: int
    """End of the chunk after this one; `stop` if there is none."""
    targets: tuple[EvaluationTarget, ...]
    """One target for every pipeline that these images are prepared for."""
    next_targets: tuple[EvaluationTarget, ...]
    """The same for the next images."""

    def to_json(self) -> dict[str, Any]:
        """The question as a JSON object."""
        return {"ask": "load", **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Load:
        """The question read back."""
        now, ahead = (tuple(map(EvaluationTarget.from_json, data[name])) for name in ("targets", "next_targets"))
        return cls(data["start"], data["stop"], data["next_stop"], now, ahead)


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The images that were prepared."""

    digests: list[str]
    """SHA-256 of each image's bytes."""
    unreadable: dict[int, str]
    """Why an image gives no input to some or all of the pipelines, by its index in the set."""
    preparing_s: float
    """Processor time of decoding and resizing."""

    def to_json(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Loaded:
        """The answer read back; JSON keys are text."""
        unreadable = {int(index): reason for index, reason in data["unreadable"].items()}
        return cls(data["digests"], unreadable, data["preparing_s"])


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Run a network on images of the chunk, from `start`, where a batch begins, to before `stop`."""

    target: EvaluationTarget
    start: int
    stop: int

    def to_json(self) -> dict[str, Any]:
        """The question as a JSON object."""
        return {"ask": "evaluate", **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Evaluate:
        """The question read back."""
        return cls(EvaluationTarget.from_json(data["target"]), data["start"], data["stop"])


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """The network's predictions."""

    top: NDArray[np.int32]
    """(N, 5), see `top_classes`."""
    inference_s: float
    """Time of its inferences, including their inputs and outputs."""
    inference_thread_s: float
    """Their processor time in the calling thread: all of it if an inference uses one thread."""
    memory_mib: float
    """Memory that opening the network took, judged by the memory of the process; 0 if it was already open."""

    def to_json(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return {**dataclasses.asdict(self), "top": self.top.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Evaluated:
        """The answer read back."""
        facts = {name: data[name] for name in ("inference_s", "inference_thread_s", "memory_mib")}
        return cls(top=np.array(data["top"], np.int32).reshape(len(data["top"]), -1), **facts)
