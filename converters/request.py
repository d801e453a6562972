"""What decides an artifact's content: the request, and the key it is stored under."""

from __future__ import annotations

import dataclasses
from importlib import resources
from pathlib import Path
from typing import Any

import zoo
from converters import pytorch, tensorflow
from foundation.digests import file_sha256, json_sha256
from foundation.packages import package_version
from foundation.vocabulary import (
    DEFAULT_EXPORTER,
    DEFAULT_OPSET,
    FILE,
    INT8_SCHEMES,
    OWN,
    PROBE,
    RELEASE,
    RELEASED,
)
from zoo.card import ModelCard
from zoo.checkpoints import FetchedCheckpoint
from zoo.releases.pins import release_source
from zoo.training_images import TrainingImages

CONVERTER_REVISION = 1
"""Raised whenever this package's own part in an artifact changes, so that old entries are not taken for new."""


def installed_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of installed packages, read without importing them; `absent` where there is none."""
    return {package: package_version(package) or "absent" for package in packages}


@dataclasses.dataclass(frozen=True)
class PrecisionOptions:
    """How a precision below fp32 is to be had; each precision looks at its own."""

    float16_io: bool = False
    """fp16: input and output in float16 too; else float32, cast inside."""
    int8_scheme: str = INT8_SCHEMES[0]
    """int8: a key of `converters.int8.SCHEMES`."""
    calibration_images: Path | None = None
    """int8: a folder of images; generated ones where None."""


@dataclasses.dataclass(frozen=True)
class ConversionRequest:
    """One artifact that is wanted."""

    model: str
    """Full name of a model of the zoo, or `module:function` of one's own."""
    weights: str = PROBE
    """`probe`, or the path of a checkpoint."""
    released: FetchedCheckpoint | None = None
    """The release's checkpoint, fetched already; `weights` is then not looked at."""
    recalibration_images: Path | None = None
    """A folder of training images, for a release that recalibrates on some."""
    implementation: str = OWN
    """One of `foundation.vocabulary.IMPLEMENTATIONS`."""
    exporter: str = DEFAULT_EXPORTER
    opset: int = DEFAULT_OPSET
    batch: int = 1
    precision: str = "fp32"
    """One of `foundation.vocabulary.PRECISIONS`; below fp32, the artifact is made from the fp32 one."""
    options: PrecisionOptions = PrecisionOptions()
    resolution: int | None = None
    """Input size in pixels of one's own model; the card decides it for the zoo's."""

    @property
    def is_own(self) -> bool:
        """Whether the model is a `module:function` rather than one of the zoo."""
        return ":" in self.model

    @property
    def weights_kind(self) -> str:
        """What the weights of a model of the zoo are: `probe`, `released` or `file`."""
        if self.released:
            return RELEASED
        return PROBE if self.weights == PROBE else FILE

    def in_fp32(self) -> ConversionRequest:
        """The request of the artifact that this one is made from: itself in fp32."""
        return dataclasses.replace(self, precision="fp32", options=PrecisionOptions())

    def resolved(self, card: ModelCard) -> ConversionRequest:
        """The request as it is carried out: a TensorFlow network has one exporter and one opset."""
        if card.release.framework != "tensorflow":
            return self
        return dataclasses.replace(self, exporter=tensorflow.EXPORTER, opset=tensorflow.OPSET)

    def exporter_versions(self) -> dict[str, str]:
        """Versions of the packages that write the graph."""
        return installed_versions(tensorflow.PACKAGES if self.exporter == tensorflow.EXPORTER else pytorch.PACKAGES)


def _source_texts(*packages: str) -> str:
    """Digest of the source files of some packages of this project."""
    texts = {
        f"{package}/{file.name}": file.read_text("utf-8")
        for package in packages
        for file in resources.files(package).iterdir()
        if file.is_file()
    }
    return json_sha256(texts)


def implementation_versions(card: ModelCard, implementation: str) -> dict[str, str]:
    """What builds the network, and in which version: original code, the release's package, or this project's own."""
    if implementation == RELEASE:
        commits = {pin.name: pin.commit for pin in release_source(card.source).pins}
        return {**commits, "drivers": _source_texts("zoo.releases.drivers")}
    if card.release.package:
        return installed_versions((card.release.package.split("==")[0],))
    return {"own definition": _source_texts("zoo.architectures", "zoo.adapters")}


def _weights_facts(request: ConversionRequest, card: ModelCard) -> Any:
    """What decides the weights: how they came here does not. None where there is no such file."""
    if request.weights_kind == PROBE:
        return PROBE
    if request.released:
        sha256 = request.released.sha256
    elif Path(request.weights).is_file():
        sha256 = file_sha256(Path(request.weights))
    else:
        return None
    if not card.checkpoint.recalibration:
        return sha256
    folder = request.recalibration_images
    return {"checkpoint": sha256, "recalibrated": TrainingImages.of(folder).facts() if folder else None}


def stored_under(request: ConversionRequest, card: ModelCard) -> str | None:
    """The key of the request's fp32 artifact; None where only converting can tell.

    Artifacts of other precisions are keyed by what they are made from (`converters.precision`). Cards that
    share one network have one key under the probe, and so one conversion. One's own model has no key: what
    its code computes is not known before it is built.
    """
    if request.is_own:
        return None
    request = request.resolved(card)
    weights = _weights_facts(request, card)
    if weights is None:
        return None
    return json_sha256(
        {
            "revision": CONVERTER_REVISION,
            "network": card.network_facts(),
            "preprocessing": dataclasses.asdict(card.preprocessing),
            "weights": weights,
            "exporter": request.exporter,
            "versions": {**request.exporter_versions(), **implementation_versions(card, request.implementation)},
            "opset": request.opset,
            "batch": request.batch,
            "precision": "fp32",
        }
    )


def sharing_models(card: ModelCard) -> list[str]:
    """Names of the zoo's models that are this very network with this very preprocessing."""
    return [
        other.name
        for other in zoo.cards()
        if other.network_facts() == card.network_facts() and other.preprocessing == card.preprocessing
    ]
