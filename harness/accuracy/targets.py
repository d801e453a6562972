"""Which series of a run are evaluated, how their images are preprocessed, and why the others are not."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

from foundation.digests import json_sha256
from foundation.vocabulary import PROBE
from foundation.wording import one_line
from harness.artifacts.preprocessing import preprocessing_in
from harness.artifacts.rounding import COMPUTED_IN, NEEDS_ONNX, can_be_rounded, rounds_by_itself
from harness.datasets import ImageSet, output_labels
from harness.errors import ArtifactError
from harness.files.onnx_graph import read_graph
from harness.processes.target import Target
from harness.records.series import Series
from zoo.card import Preprocessing
from zoo.catalog.reader import preprocessing_of
from zoo.errors import ZooError
from zoo.libraries import SOURCES as LIBRARIES
from zoo.own import SOURCE, card
from zoo.own_preprocessing import same_steps
from zoo.preprocessing import Pipeline, PreprocessingError, described, pipeline

NOT_THE_WEIGHTS = (
    "probe weights know nothing: evaluate the released ones (--weights released), or a checkpoint of your own "
    "(--weights FILE)"
)
NOT_RECALIBRATED = (
    "the statistics of the released supernet fit none of its subnets: recalibrate them on training images "
    "(--calibration-images DIR), as the release does"
)

_NOT_IMAGES = "its input does not have the fixed shape of square images, (batch, 3, R, R): export it with one"


@dataclasses.dataclass(frozen=True)
class EvaluationTarget:
    """A series to evaluate: its network, its preprocessing and its classes."""

    key: str
    """Key of the series."""
    model: str
    network: Target
    classes: int
    """Number of outputs that the network must have."""
    preprocessing: Preprocessing
    resolution: int
    output_labels: tuple[int, ...] = ()
    """The label that each output stands for; empty if an output's index is its label."""
    known_classes: int = 0
    """Number of classes that the network tells apart, without a background class."""
    assumption: str = ""
    """What is assumed about its outputs; empty if nothing is."""
    computed_in: str = ""
    """How its precision is computed in place of the runtime's kernels; empty if these compute it."""

    @functools.cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline that prepares its images."""
        return pipeline(self.preprocessing, self.resolution)

    def to_json(self) -> dict[str, Any]:
        """The target as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> EvaluationTarget:
        """The target read back."""
        network, preprocessing = Target.from_json(data["network"]), preprocessing_of(data["preprocessing"], "")
        labels = tuple(data["output_labels"])
        return cls(**{**data, "network": network, "preprocessing": preprocessing, "output_labels": labels})

    def identity(self) -> dict[str, Any]:
        """What determines its predictions besides the images; predictions of different identities are never mixed."""
        steps = {name: value for name, value in dataclasses.asdict(self.preprocessing).items() if name != "stated_in"}
        labels = {"output_labels": json_sha256(list(self.output_labels))} if self.output_labels else {}
        computed = {"computed_in": self.computed_in} if self.computed_in else {}
        return {
            **labels,
            **computed,
            "key": self.key,
            "model": self.model,
            "artifact_sha256": self.network.sha256,
            "backend": self.network.backend,
            "precision": self.network.precision,
            "batch": self.network.batch,
            "classes": self.classes,
            "preprocessing": json_sha256(steps),
            "resolution": self.resolution,
        }


def evaluation_target(
    facts: Series, network: Target, images: ImageSet, own: Preprocessing | None, background: int | None = None
) -> EvaluationTarget | str:
    """The target of a series, or the reason why the series is not evaluated.

    Args:
        facts: the series.
        network: the series as it is run.
        images: what it would be evaluated on.
        own: stated preprocessing of networks without a card in the zoo; None for what their files state, or what is
            assumed.
        background: the output that is no class, of networks with one output more than there are classes.
    """
    if facts.status != "ok":
        return one_line(f"there is no artifact: {facts.reason}")
    if facts.weights == PROBE:
        return NOT_THE_WEIGHTS
    if facts.resolution is None:
        return _NOT_IMAGES
    if facts.source == "onnx" and (wrong := unfit_inputs(Path(facts.artifact_path))):
        return wrong
    outputs = facts.classes or images.classes
    labels = output_labels(images, outputs, facts.model, background)
    if isinstance(labels, str):
        return labels
    if lacks_recalibration(facts):
        return NOT_RECALIBRATED
    rounds = rounds_by_itself(network)
    if not rounds and not can_be_rounded():
        return NEEDS_ONNX
    try:
        steps = _preprocessing(facts, own)
        target = EvaluationTarget(
            key=facts.key,
            model=facts.model,
            network=network,
            classes=outputs,
            preprocessing=steps,
            resolution=facts.resolution,
            output_labels=labels.labels,
            known_classes=labels.classes,
            assumption=labels.note,
            computed_in="" if rounds else COMPUTED_IN,
        )
        _ = target.pipeline
    except ZooError as error:
        return one_line(f"its preprocessing cannot be done: {error}")
    return target


def unfit_inputs(path: Path) -> str:
    """Why images cannot be fed to an ONNX file; empty if they can, or if the file cannot be read."""
    try:
        inputs = read_graph(path).inputs
    except ArtifactError:
        return ""
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs)
        return f"it has {len(inputs)} inputs ({names}): images are evaluated on networks that take nothing else"
    (image,) = inputs
    if image.dtype not in ("float32", "float16"):
        return f"its input {image.name!r} is {image.dtype}: export it with float32, which the preprocessing makes"
    shape = image.shape or ()
    return "" if len(shape) == 4 and shape[1] == 3 and shape[2] == shape[3] else f"{_NOT_IMAGES}, not {list(shape)}"


def _preprocessing(facts: Series, own: Preprocessing | None) -> Preprocessing:
    """How images are prepared for a series: by its card, as stated, as its file says, or as is assumed.

    Raises:
        PreprocessingError: an int8 artifact was calibrated for another preprocessing than the one stated.
    """
    import zoo

    if facts.source not in (SOURCE, "onnx", *LIBRARIES):
        return zoo.card(facts.model).preprocessing
    converted_for = preprocessing_in(Path(facts.artifact_path))
    if facts.source in LIBRARIES:
        # The library need not be installed where its networks are only evaluated.
        return converted_for or zoo.card(facts.model).preprocessing
    if own is None:
        return converted_for or card(facts.variant, facts.resolution).preprocessing
    if converted_for and facts.precision == "int8" and not same_steps(converted_for, own):
        stated, known = (described(pipeline(one, one.crop_px)) for one in (own, converted_for))
        raise PreprocessingError(
            f"--preprocessing states {stated}, but int8 was calibrated for {known}; convert the network with "
            "--preprocessing"
        )
    return own


def lacks_recalibration(facts: Series) -> bool:
    """Whether the artifact holds a supernet's statistics although its release recalibrates them for the subnet."""
    weights = _provenance(facts).get("weights", {})
    return "recalibrated" in weights and weights["recalibrated"] is None


def calibration_digests(facts: Series) -> list[str]:
    """SHA-256 of each image that an int8 artifact was calibrated on; empty for generated ones, and if not recorded."""
    return list(_provenance(facts).get("calibration_sha256", ()))


def _provenance(facts: Series) -> dict[str, Any]:
    """The record of how an artifact was made, a file beside it; empty if there is none."""
    path = Path(facts.artifact_path)
    # A bundle names the file after the model; the store does not.
    for beside in (path.with_name("provenance.json"), path.with_suffix(".json")):
        try:
            found = json.loads(beside.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and isinstance(found.get("weights"), dict):
            return found
    return {}
