"""What determines an artifact's content: the request, and the key it is stored under."""

from __future__ import annotations

import dataclasses
from importlib import resources
from pathlib import Path
from typing import Any

import zoo
from converters import pytorch, tensorflow
from converters.inputs import InputValues
from foundation.digests import file_sha256, json_sha256
from foundation.packages import package_version
from foundation.vocabulary import (
    DEFAULT_CALIBRATION_COUNT,
    DEFAULT_EXPORTER,
    DEFAULT_OPSET,
    FILE,
    INT8_SCHEMES,
    NATIVE,
    OWN,
    PROBE,
    RELEASE,
    RELEASED,
)
from zoo.card import ModelCard, Preprocessing
from zoo.catalog.reader import same_network
from zoo.checkpoints import FetchedCheckpoint
from zoo.libraries import SOURCES
from zoo.releases.pins import release_source
from zoo.training_images import TrainingImages

CONVERTER_REVISION = 1
"""Raised whenever this package's own part in an artifact changes, so that old entries are not mistaken for new ones."""

FILE_REVISION = 1
"""The same of what is changed in a user's file before other precisions are derived from it."""


def installed_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of installed packages, read without importing them; `absent` if not installed."""
    return {package: package_version(package) or "absent" for package in packages}


@dataclasses.dataclass(frozen=True)
class PrecisionOptions:
    """How a precision below fp32 is derived; each precision reads its own options."""

    float16_io: bool = False
    """fp16: input and output in float16 too; otherwise float32, cast inside the graph."""
    int8_scheme: str = INT8_SCHEMES[0]
    """int8: a key of `converters.int8.SCHEMES`."""
    calibration_images: Path | None = None
    """int8: a folder of images; None for generated ones."""
    calibration_count: int = DEFAULT_CALIBRATION_COUNT
    """int8: largest number of the folder's images that are used."""
    values: InputValues | None = None
    """What a file that takes no images is calibrated and compared on; None for others."""


@dataclasses.dataclass(frozen=True)
class NetworkFile:
    """A user's ONNX file whose inputs have fixed shapes."""

    path: Path
    sha256: str
    """Digest of the file and of those that hold its weights."""
    classes: int | None
    """Number of outputs for an image; None if it is no classifier."""


@dataclasses.dataclass(frozen=True)
class ConversionRequest:
    """One artifact to make."""

    model: str
    """Full name of a model of the zoo or of a library, `module:function` for a user model, or the name of a file."""
    weights: str = PROBE
    """`probe`, or the path of a checkpoint."""
    released: FetchedCheckpoint | None = None
    """The release's checkpoint, already fetched; `weights` is then ignored."""
    recalibration_images: Path | None = None
    """A folder of training images, for a release that recalibrates on them."""
    implementation: str = OWN
    """One of `foundation.vocabulary.IMPLEMENTATIONS`."""
    exporter: str = DEFAULT_EXPORTER
    opset: int = DEFAULT_OPSET
    """Operator set of an exported graph; for a file, the lowest that its precision needs."""
    batch: int = 1
    graph: str = NATIVE
    """One of `foundation.vocabulary.GRAPHS`; `fused` is made from the exporter's."""
    backend: str = ""
    """`fused`: name of the runtime whose rules apply (`converters.fusion.rules`)."""
    precision: str = "fp32"
    """One of `foundation.vocabulary.PRECISIONS`; below fp32, the artifact is made from the fp32 one."""
    options: PrecisionOptions = PrecisionOptions()
    resolution: int | None = None
    """Input size of a user model, in pixels; for a model of the zoo, the card decides."""
    preprocessing: Preprocessing | None = None
    """How images are prepared for a user model; the usual way is assumed if None. For a file, None if it takes none."""
    library_card: ModelCard | None = None
    """The card of a network of a library (`zoo.libraries`), which is costly to look up again; None for others."""
    file: NetworkFile | None = None
    """A user's fp32 file, from which other precisions are derived; None for a network that is exported."""

    def card(self) -> ModelCard:
        """The card of a model of the zoo or of a library.

        Raises:
            UnknownModelError: there is none of this name.
        """
        return self.library_card or zoo.card(self.model)

    @property
    def is_own(self) -> bool:
        """Whether the model is a `module:function` rather than one of the zoo."""
        return self.file is None and ":" in self.model

    @property
    def weights_kind(self) -> str:
        """Kind of the weights of a model of the zoo: `probe`, `released` or `file`."""
        if self.released:
            return RELEASED
        return PROBE if self.weights == PROBE else FILE

    def in_fp32(self) -> ConversionRequest:
        """The same request in fp32 and as the exporter writes it, for the artifact that this one is derived from."""
        return dataclasses.replace(self, graph=NATIVE, backend="", precision="fp32", options=PrecisionOptions())

    def resolved(self, card: ModelCard) -> ConversionRequest:
        """The request as carried out: a TensorFlow network has only one exporter and one opset."""
        if card.release.framework != "tensorflow":
            return self
        return dataclasses.replace(self, exporter=tensorflow.EXPORTER, opset=tensorflow.OPSET)

    def exporter_versions(self) -> dict[str, str]:
        """Versions of the packages that write the graph."""
        return installed_versions(tensorflow.PACKAGES if self.exporter == tensorflow.EXPORTER else pytorch.PACKAGES)


def _source_texts(*packages: str) -> str:
    """Digest of the source files of packages of this project."""
    texts = {
        f"{package}/{file.name}": file.read_text("utf-8")
        for package in packages
        for file in resources.files(package).iterdir()
        if file.is_file()
    }
    return json_sha256(texts)


def package_of(card: ModelCard) -> str:
    """The package that builds the network, if not its release's original code; empty for this project's definition."""
    return card.source if card.source in SOURCES else card.release.package.split("==")[0]


def implementation_versions(card: ModelCard, implementation: str) -> dict[str, str]:
    """What builds the network, and its version: original code, the release's package, or this project's definition."""
    if implementation == RELEASE:
        commits = {pin.name: pin.commit for pin in release_source(card.source).pins}
        return {**commits, "drivers": _source_texts("zoo.releases.drivers")}
    if card.source in SOURCES:
        return {**installed_versions((package_of(card),)), "own part": _source_texts("zoo.libraries")}
    if package_of(card):
        return installed_versions((package_of(card),))
    return {"own definition": _source_texts("zoo.architectures", "zoo.adapters")}


def _weights_facts(request: ConversionRequest, card: ModelCard) -> Any:
    """What determines the weights, wherever they came from; None if there is no such file."""
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


def artifact_preprocessing(card: ModelCard, weights_kind: str) -> Preprocessing:
    """The preprocessing that an artifact is verified with and states, and that INT8 is calibrated with.

    It is the card's. Under the probe it is that of the catalogue's first card of the network: the probe's weights were
    trained with no preprocessing, and cards of one network share one artifact, whatever their released weights take.

    Args:
        card: the model's card.
        weights_kind: `probe`, or any other kind.
    """
    sharing = same_network(card) if weights_kind == PROBE else ()
    return (sharing[0] if sharing else card).preprocessing


def key_of(request: ConversionRequest) -> str | None:
    """The key of the request's fp32 artifact, whatever it is made from; None if it is known only after converting."""
    if request.file is not None:
        return _file_key(request, request.file)
    return None if request.is_own else stored_under(request, request.card())


def _file_key(request: ConversionRequest, file: NetworkFile) -> str:
    return json_sha256(
        {
            "revision": FILE_REVISION,
            "file": file.sha256,
            "preprocessing": dataclasses.asdict(request.preprocessing) if request.preprocessing else None,
            "opset": request.opset,
            "tools": installed_versions(("onnx",)),
        }
    )


def stored_under(request: ConversionRequest, card: ModelCard, weights_kind: str | None = None) -> str | None:
    """The key of the request's fp32 artifact; None if it is known only after converting.

    Artifacts of other precisions are keyed by what they are derived from (`converters.precision`). Cards that
    share one network have one key under the probe, and so one conversion. A user model has no key: what
    its code computes is not known before it is built.

    Args:
        request: what to convert.
        card: the model's card.
        weights_kind: kind of the weights of a model that the caller has loaded; the request's if None.
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
            "preprocessing": dataclasses.asdict(artifact_preprocessing(card, weights_kind or request.weights_kind)),
            "weights": weights,
            "exporter": request.exporter,
            "versions": {**request.exporter_versions(), **implementation_versions(card, request.implementation)},
            "opset": request.opset,
            "batch": request.batch,
            "precision": "fp32",
        }
    )


def sharing_models(card: ModelCard) -> list[str]:
    """Names of the zoo's models with exactly this network; a network of a library is alone."""
    return [card.name] if card.source in SOURCES else [other.name for other in same_network(card)]
