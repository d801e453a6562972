"""A series: one row of the results, before anything is measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from foundation.published_latency import PublishedLatency
from foundation.record_types import array
from foundation.vocabulary import NATIVE
from harness.machine.gpu.settings import GpuSettings
from harness.processes.target import Target

Measurement = tuple[str, str, str, int, tuple[str, ...]]
"""What the trials of a series depend on within a run: artifact, backend, precision, batch and companions."""


NOT_IN_ROWS = ("latencies_published", "searched_for")
"""Facts that the run directory keeps in series.json alone: a network has figures of several devices, which are no cell
of results.csv, and what it was searched for belongs to them."""


@dataclasses.dataclass(frozen=True)
class Series:
    """Everything known about a series before its first trial.

    A series is one artifact on one backend in one precision at one batch size. `artifact_sha256`
    and `artifact_path` are empty if the conversion failed; `status` and `reason` then say why,
    and the row is kept.
    """

    model: str
    """Full name, `<source>/<variant>`."""
    source: str
    variant: str
    backend: str
    precision: str
    batch: int
    resolution: int | None = None
    """Height and width of the input in pixels."""
    classes: int | None = None
    parameters: int | None = None
    macs: int | None = None
    """Multiply-adds of one image, convolutions and linear layers."""
    accuracy_published_top1_percent: float | None = None
    accuracy_published_top5_percent: float | None = None
    accuracy_published_source: str = ""
    """Where the release states its accuracy."""
    accuracy_published_training_data: str = ""
    """Data that the released weights learned from, as in the column of that name; empty if not known."""
    accuracy_published_teacher: str = ""
    """The network that the released weights were distilled from; empty if there was none."""
    latencies_published: tuple[PublishedLatency, ...] = ()
    """Latencies that the release states."""
    searched_for: str = ""
    """Device that an architecture search made the network for, or `FLOPs`; empty if the release states none."""
    weights: str = ""
    """`released`, `file`, `probe` or `own`."""
    weights_sha256: str = ""
    checkpoint_sha256: str = ""
    """SHA-256 of the checkpoint that the weights come from."""
    checkpoint_url: str = ""
    """URL from which a released checkpoint was fetched."""
    implementation: str = ""
    """Whose code the network is: `package`, `own` or `release`."""
    artifact_path: str = ""
    artifact_sha256: str = ""
    artifact_mib: float | None = None
    exporter: str = ""
    """Exporter and version, as in `torch.onnx.export dynamo 2.14.1`."""
    opset: int | None = None
    graph: str = NATIVE
    """One of `GRAPHS`; that of a file is native as it is."""
    calibration: str = ""
    """Images that an INT8 artifact's ranges come from, in words."""
    conversion_s: float | None = None
    """Seconds the conversion took when it was made; a cached artifact keeps its figure."""
    verification_relative_l2: float | None = None
    """Largest relative L2 error of the artifact's logits against the native model's."""
    inputs: str = ""
    """What the inputs hold while latency is measured: `LOW:HIGH`, such ranges by channel with commas between them, or
    a file; empty for values by their types."""
    inputs_sha256: str = ""
    """Digest of that file; empty if there is none."""
    custom_operators: str = ""
    """Library of operators that the runtime lacks."""
    custom_operators_sha256: str = ""
    """Its digest."""
    warnings: str = ""
    """What a reader should know about the artifact, in sentences."""
    status: str = "ok"
    reason: str = ""

    @property
    def key(self) -> str:
        """Identity of the series within a run; a different artifact is a different series."""
        artifact = self.artifact_sha256[:16]
        # Where nothing is fused, both graphs are one artifact.
        graph = [] if self.graph == NATIVE else [self.graph]
        parts = [self.model, artifact, self.backend, self.precision, f"b{self.batch}", *graph, *self.companions]
        return "|".join(parts)

    @property
    def companions(self) -> tuple[str, ...]:
        """What it is measured with besides its artifact, by content; nothing for models of the zoo."""
        operators = self.custom_operators_sha256 or self.custom_operators
        return tuple(f"{name} {text}" for name, text in (("inputs", self.held), ("operators", operators)) if text)

    @property
    def held(self) -> str:
        """What the inputs hold, by content: a range, the digest of a file, or nothing for values by their types."""
        return self.inputs_sha256 or self.inputs

    @property
    def measurement(self) -> Measurement:
        """What is measured for it; series that have it in common share their trials. Its own without an artifact."""
        return self.artifact_sha256 or self.model, self.backend, self.precision, self.batch, self.companions

    def target(self, threads: int, gpu: GpuSettings, cache_dir: Path) -> Target:
        """What a trial measures for this series.

        Args:
            threads: threads of an inference.
            gpu: which GPU is used, and how.
            cache_dir: where built engines are kept.
        """
        return Target(
            artifact=self.artifact_path,
            sha256=self.artifact_sha256,
            backend=self.backend,
            precision=self.precision,
            batch=self.batch,
            threads=threads,
            gpu=gpu,
            cache_dir=str(cache_dir),
            inputs=self.inputs,
            custom_operators=self.custom_operators,
        )

    def to_json(self) -> dict[str, Any]:
        """The facts as a JSON object."""
        facts = dataclasses.asdict(self)
        return {**facts, "latencies_published": list(facts["latencies_published"])}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Series:
        """The facts read back; a file of an earlier version lacks some.

        Raises:
            TypeError: a key that no series has, or published latencies that are none.
        """
        latencies = tuple(PublishedLatency(**one) for one in array(data.get("latencies_published", [])))
        return cls(**{**data, "latencies_published": latencies})
