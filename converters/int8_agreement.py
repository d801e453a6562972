"""Whether an int8 artifact agrees with its fp32 one as those of the zoo do."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_IMAGES = {"calibration": "calibration images", "natural": "generated images", "values": "inputs"}
"""Sets of a verification in words, the one that says most first."""
_FALSE_ALARMS = 0.001
"""Probability of a warning about a graph that agrees as often as those of the zoo's least agreeing source."""


@dataclasses.dataclass(frozen=True)
class ZooAgreement:
    """The lowest and the highest figure of the zoo's sources (`int8_agreement.toml`)."""

    models: int
    top1_agreement: tuple[float, float]
    """Share of images whose largest logit is the same class."""
    relative_l2: tuple[float, float]
    """Median error of the logits over the source's models."""

    def text(self) -> str:
        """Both ranges in words."""
        low, high = self.top1_agreement
        least, most = self.relative_l2
        return f"zoo: {100 * low:.0f} to {100 * high:.0f} %, {100 * least:.0f} to {100 * most:.0f} %"


@functools.cache
def _by_scheme() -> Mapping[str, ZooAgreement]:
    text = resources.files("converters").joinpath("int8_agreement.toml").read_text(encoding="utf-8")
    return {
        scheme: ZooAgreement(facts["models"], tuple(facts["top1_agreement"]), tuple(facts["relative_l2"]))
        for scheme, facts in tomllib.loads(text).items()
    }


def zoo_agreement(scheme: str) -> ZooAgreement:
    """The figures of the zoo for a scheme of `converters.int8`."""
    return _by_scheme()[scheme]


def decisive(checks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The set of images of a verification that says most: those calibrated on, else generated ones or values."""
    by_images = {check["images"]: check for check in checks}
    return next(by_images[name] for name in _IMAGES if name in by_images)


def agreement_text(check: Mapping[str, Any], scheme: str) -> str:
    """The agreement on a set of images in words, beside that of the zoo."""
    count = check["count"]
    equal = round(count * check["top1_agreement"])
    return (
        f"same top-1 as fp32 on {100 * equal / count:.0f} % of {count} {_IMAGES[check['images']]}, logits "
        f"{100 * check['relative_l2']:.1f} % off ({zoo_agreement(scheme).text()})"
    )


def disagreement(checks: Sequence[Mapping[str, Any]], scheme: str) -> str:
    """The warning about a graph that agrees with its fp32 one less often than chance explains; empty for others.

    The top-1 decides: the error of the logits depends on how far a network's classes lie apart.

    Args:
        checks: the artifact's verification, as in its provenance.
        scheme: a key of `converters.int8.SCHEMES`.
    """
    check = decisive(checks)
    equal = round(check["count"] * check["top1_agreement"])
    if _at_most(equal, check["count"], zoo_agreement(scheme).top1_agreement[0]) >= _FALSE_ALARMS:
        return ""
    return (
        f"int8 often predicts another class than fp32: {agreement_text(check, scheme)}; check how the network is fed "
        "(--preprocessing), calibrate it on images like those it will see (--calibration-images), or keep it in fp32"
    )


def _at_most(successes: int, count: int, rate: float) -> float:
    """Probability of at most so few successes in independent trials."""
    return sum(math.comb(count, k) * rate**k * (1 - rate) ** (count - k) for k in range(successes + 1))
