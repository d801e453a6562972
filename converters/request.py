"""What decides an artifact's content: the request, and the key it is stored under."""

from __future__ import annotations

import dataclasses
from importlib import metadata, resources
from pathlib import Path

import zoo
from converters import pytorch, tensorflow
from converters.artifact import file_sha256
from zoo.card import ModelCard, json_sha256

CONVERTER_REVISION = 1
"""Raised whenever this package's own part in an artifact changes, so that old entries are not taken for new."""

DEFAULT_EXPORTER = "dynamo"
DEFAULT_OPSET = 18


def installed_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of installed packages, read without importing them; `absent` where there is none."""
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "absent"
    return versions


@dataclasses.dataclass(frozen=True)
class ConversionRequest:
    """One artifact that is wanted."""

    model: str
    """Full name of a model of the zoo, or `module:function` of one's own."""
    weights: str = "probe"
    """`probe`, or the path of a released checkpoint."""
    exporter: str = DEFAULT_EXPORTER
    opset: int = DEFAULT_OPSET
    batch: int = 1
    precision: str = "fp32"
    resolution: int | None = None
    """Input size in pixels of one's own model; the card decides it for the zoo's."""

    @property
    def is_own(self) -> bool:
        """Whether the model is a `module:function` rather than one of the zoo."""
        return ":" in self.model

    def resolved(self, card: ModelCard) -> ConversionRequest:
        """The request as it is carried out: a TensorFlow network has one exporter and one opset."""
        if card.release.framework != "tensorflow":
            return self
        return dataclasses.replace(self, exporter=tensorflow.EXPORTER, opset=tensorflow.OPSET)

    def exporter_versions(self) -> dict[str, str]:
        """Versions of the packages that write the graph."""
        return installed_versions(tensorflow.PACKAGES if self.exporter == tensorflow.EXPORTER else pytorch.PACKAGES)


def _implementation(card: ModelCard) -> dict[str, str]:
    """What builds the network: the release's package, or this project's own definition by its source text."""
    if card.release.package:
        return installed_versions((card.release.package.split("==")[0],))
    texts = {
        f"{package}/{file.name}": file.read_text("utf-8")
        for package in ("zoo.architectures", "zoo.adapters")
        for file in resources.files(package).iterdir()
        if file.is_file()
    }
    return {"own definition": json_sha256(texts)}


def stored_under(request: ConversionRequest, card: ModelCard) -> str | None:
    """The key of the artifact that answers the request; None where only converting can tell.

    Cards that share one network have one key under the probe, and so one conversion. One's own model has
    no key: what its code computes is not known before it is built.
    """
    if request.is_own:
        return None
    request = request.resolved(card)
    if request.weights == "probe":
        weights = "probe"
    elif Path(request.weights).is_file():
        weights = file_sha256(Path(request.weights))
    else:
        return None
    return json_sha256(
        {
            "revision": CONVERTER_REVISION,
            "network": card.network_facts(),
            "preprocessing": dataclasses.asdict(card.preprocessing),
            "weights": weights,
            "exporter": request.exporter,
            "versions": {**request.exporter_versions(), **_implementation(card)},
            "opset": request.opset,
            "batch": request.batch,
            "precision": request.precision,
        }
    )


def sharing_models(card: ModelCard) -> list[str]:
    """Names of the zoo's models that are this very network with this very preprocessing."""
    return [
        other.name
        for other in zoo.cards()
        if other.network_facts() == card.network_facts() and other.preprocessing == card.preprocessing
    ]
