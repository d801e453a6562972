"""The card: the facts of one released model, as immutable data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from foundation.digests import json_sha256
from foundation.published_latency import PublishedLatency
from zoo.probe import RUNTIME_TOLERANCE


@dataclasses.dataclass(frozen=True)
class Release:
    """Where a source's models were released, and under which terms."""

    source: str
    """Short name, as in `efficientnet`; the first half of every model's name."""
    title: str
    repository: str
    commit: str
    """Commit of the repository that the facts were read from."""
    package: str
    """Requirement that installs the original code, as in `timm==1.0.29`."""
    framework: str
    licence: str
    paper: str


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """From a decoded image to the network's input, exactly as the release evaluates.

    `mean` and `std` are in the order of the input channels, for values in 0..1.
    """

    rule: str
    """`resize_then_crop`: shorter side to `resize_px`, then the centre `crop_px` square;
    `crop_then_resize`: centre square of `crop_fraction` of the shorter side, resized to `crop_px`;
    `squash`: both sides to `resize_px`, the aspect ratio ignored, then the centre `crop_px` square; without `resize_px`
    both sides to `crop_px`;
    `none`: the data set's images already have `crop_px`, and are used as they are."""
    crop_px: int
    interpolation: str
    """Empty if nothing is resized."""
    library: str
    """Whose resize the release uses: `pil`, `opencv` or `tensorflow1`; empty if nothing is resized."""
    channel_order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    stated_in: str
    resize_px: int | None = None
    crop_fraction: float | None = None
    tensor_resize: str = ""
    """How the normalised crop is resized, as a tensor, to the network's resolution if that is not `crop_px`:
    `bicubic` (no antialiasing); empty if the crop is the input."""


@dataclasses.dataclass(frozen=True)
class Published:
    """Figures that the release states about the model; None if it states none."""

    top1_percent: float | None
    top5_percent: float | None
    stated_in: str
    """File of the release that states the accuracy."""
    parameters_millions: float | None = None
    macs_millions: float | None = None
    complexity_stated_in: str = ""


@dataclasses.dataclass(frozen=True)
class Training:
    """What the released weights learned from, as the release states it.

    A fact that the release does not state is None or empty; this does not say that there was none.
    """

    data: str
    """Labelled data set of the classes that the network predicts, as in `ImageNet-1k`."""
    stated_in: str
    """File, section or table that states the training."""
    extra_data: str = ""
    """Data beyond `data`, with whether its labels were used, as in `JFT-300M (unlabelled)`; empty if none is stated."""
    teacher: str = ""
    """The network that these weights were distilled from; empty if none is stated."""
    teacher_extra_data: str = ""
    """Data beyond `data` that the teacher learned from, and that so reached these weights through it."""
    epochs: float | None = None
    """Passes over `data`; None where only a part of the training has its number stated."""
    resolution_px: int | None = None
    """Height and width of the training images; the network is tested at the card's own resolution."""

    @property
    def all_data(self) -> str:
        """All data that reached the weights, as in `ImageNet-1k + JFT-300M (unlabelled)`."""
        through_teacher = self.teacher_extra_data and f"{self.teacher_extra_data}, through the teacher"
        return " + ".join(filter(None, (self.data, self.extra_data, through_teacher)))


@dataclasses.dataclass(frozen=True)
class Search:
    """What an architecture search made the network for."""

    target: str
    """Device whose latency it minimised beside the error, in the release's words; `FLOPs` if it counted operations."""
    stated_in: str


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The released weights: where they are and how they are packed."""

    url: str
    container: str
    """Where the state dict is in the file: `plain`, or the key that holds it; several as `first|second`."""
    tag: str = ""
    """The release's own name of these weights, if one network has several."""
    sha256_prefix: str = ""
    """Leading digits of the file's SHA-256 as the release states them; empty if it states none."""
    archive_member: str = ""
    """The checkpoint's path in the archive at the URL; empty if the URL is that of the checkpoint itself."""
    training_classes: tuple[str, ...] = ()
    """Classes of the training code whose objects are stored beside the state dict, such as its configuration: they are
    read as inert dictionaries. A file with objects of any other class is refused."""
    renames: tuple[str, ...] = ()
    """Substitutions that the release makes in tensor names that the network does not know: `old new`, in this order."""
    recalibration: bool = False
    """Whether the release re-estimates the running statistics on training images before it evaluates."""


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """Every fact of one released model."""

    release: Release
    variant: str
    """The release's own name of the model."""
    resolution: int
    """Height and width of the input in pixels."""
    classes: int
    parameters: int
    """Trainable parameters."""
    macs: int
    """Multiply-adds of one image in convolutions and linear layers."""
    signature_sha256: str
    """Digest of the names, shapes and types of the state dict (`zoo.probe.signature_sha256`)."""
    preprocessing: Preprocessing
    published: Published
    checkpoint: Checkpoint
    training: Training
    architecture: Mapping[str, Any]
    """What the adapter builds the network from."""
    latencies: tuple[PublishedLatency, ...] = ()
    """Latencies that the release states."""
    search: Search | None = None
    """None if the release names no target of a search, which does not say that there was none."""
    probe_variance_scale: float = 1.0
    """Factor on the probe's running variances; not 1 if float32 noise would decide the plain probe's result."""
    probe_damping: float | None = None
    """Factor on the norm scales of the damped probe (`zoo.probe.damped_tensor`); None if the plain probe is used."""
    artifact_tolerance: float = RUNTIME_TOLERANCE
    """Relative error allowed for the converted graph on the probe's input; smaller if a mistake hardly moves it."""

    @property
    def source(self) -> str:
        """Name of the source."""
        return self.release.source

    @property
    def name(self) -> str:
        """Full name, `<source>/<variant>`."""
        return f"{self.source}/{self.variant}"

    @property
    def implementation(self) -> str:
        """Whose code the zoo builds it from: `package` (the release's package) or `own` (this project's definition)."""
        return "package" if self.release.package else "own"

    def network_facts(self) -> dict[str, Any]:
        """The facts that define the computation: two cards with equal facts describe one network.

        Published figures, training and checkpoints are left out: with the same weights they change nothing.
        """
        facts = {
            "source": self.source,
            "package": self.release.package,
            "architecture": self.architecture,
            "resolution": self.resolution,
            "classes": self.classes,
            "probe_variance_scale": self.probe_variance_scale,
        }
        return facts if self.probe_damping is None else {**facts, "probe_damping": self.probe_damping}

    def to_json(self) -> dict[str, Any]:
        """The whole card as a JSON object."""
        return dataclasses.asdict(self)

    @property
    def digest(self) -> str:
        """SHA-256 of the whole card."""
        return json_sha256(self.to_json())
