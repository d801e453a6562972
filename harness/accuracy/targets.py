"""Which series of a run are evaluated, how their images are preprocessed, and why the others are not."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from pathlib import Path
from typing import Any

from foundation.digests import json_sha256
from foundation.vocabulary import PROBE
from foundation.wording import one_line
from harness.datasets import ImageSet, check_classes
from harness.errors import AccuracyError
from harness.processes.target import Target
from harness.records.series import Series
from zoo.card import Preprocessing
from zoo.catalog.reader import preprocessing_of
from zoo.errors import ZooError
from zoo.preprocessing import Pipeline, pipeline

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NOT_THE_WEIGHTS = (
    "probe weights know nothing: evaluate the released ones (--weights released), or a checkpoint of your own "
    "(--weights FILE)"
)
NOT_RECALIBRATED = (
    "the statistics of the released supernet fit none of its subnets: recalibrate them on training images "
    "(--calibration-images DIR), as the release does"
)


@dataclasses.dataclass(frozen=True)
class EvaluationTarget:
    """A series to evaluate: its network, its preprocessing and its classes."""

    key: str
    """Key of the series."""
    model: str
    network: Target
    classes: int
    """Number of classes that the network must have: that of the labels."""
    preprocessing: Preprocessing
    resolution: int

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
        return cls(**{**data, "network": network, "preprocessing": preprocessing})

    def identity(self) -> dict[str, Any]:
        """What determines its predictions besides the images; predictions of different identities are never mixed."""
        steps = {name: value for name, value in dataclasses.asdict(self.preprocessing).items() if name != "stated_in"}
        return {
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
    facts: Series, network: Target, images: ImageSet, own: Preprocessing | None
) -> EvaluationTarget | str:
    """The target of a series, or the reason why the series is not evaluated.

    Args:
        facts: the series.
        network: the series as it is run.
        images: what it would be evaluated on.
        own: preprocessing of networks without a card in the zoo; None for the one assumed for user networks.
    """
    if facts.status != "ok":
        return one_line(f"there is no artifact: {facts.reason}")
    if facts.weights == PROBE:
        return NOT_THE_WEIGHTS
    if facts.resolution is None:
        return "its input does not have the fixed shape of square images, (batch, 3, R, R): export it with one"
    if facts.classes and (wrong := check_classes(images, facts.classes, facts.model)):
        return wrong
    if lacks_recalibration(facts):
        return NOT_RECALIBRATED
    try:
        steps = _preprocessing(facts, own)
        target = EvaluationTarget(facts.key, facts.model, network, images.classes, steps, facts.resolution)
        _ = target.pipeline
    except ZooError as error:
        return one_line(f"its preprocessing cannot be done: {error}")
    return target


def _preprocessing(facts: Series, own: Preprocessing | None) -> Preprocessing:
    import zoo
    from zoo.own import SOURCE, card

    if facts.source not in (SOURCE, "onnx"):
        return zoo.card(facts.model).preprocessing
    return own or card(facts.variant, facts.resolution).preprocessing


def own_preprocessing(text: str) -> Preprocessing | None:
    """The preprocessing that `--preprocessing` selects.

    Args:
        text: the name of a model of the zoo, or a TOML file with a card's facts of preprocessing; empty for None.

    Raises:
        AccuracyError: it is neither, or its facts do not describe a preprocessing.
    """
    import zoo

    if not text:
        return None
    path = Path(text)
    try:
        if path.suffix != ".toml":
            return zoo.card(text).preprocessing
        found = preprocessing_of(tomllib.loads(path.read_text(encoding="utf-8")), text)
        # Raises for what fits no resolution at all; whether it fits a network's is decided row by row.
        pipeline(found, found.crop_px)
        return found
    except OSError as error:
        raise AccuracyError(f"--preprocessing {text}: {error.strerror}") from error
    except (ZooError, ValueError, TypeError) as error:
        raise AccuracyError(
            f"--preprocessing {text}: {error}. Give the name of a model of the zoo, or a TOML file (docs/accuracy.md)"
        ) from error


def lacks_recalibration(facts: Series) -> bool:
    """Whether the artifact holds a supernet's statistics although its release recalibrates them for the subnet.

    The artifact's provenance, a file beside it, says so.
    """
    path = Path(facts.artifact_path)
    # A bundle names the file after the model; the store does not.
    for beside in (path.with_name("provenance.json"), path.with_suffix(".json")):
        try:
            weights = json.loads(beside.read_text(encoding="utf-8"))["weights"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return "recalibrated" in weights and weights["recalibrated"] is None
    return False
