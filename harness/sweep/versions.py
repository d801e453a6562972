"""The versions of a package, in their order."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable

from foundation.packages import package_version
from harness.errors import HarnessError

INSTALLED = "installed"
"""Stands for the version that is installed in this environment."""

_VERSION = re.compile(
    r"(?P<release>\d+(\.\d+)*)((?P<phase>a|b|rc)(?P<pre>\d+))?(\.post(?P<post>\d+))?(\.dev(?P<dev>\d+))?"
)

_PHASES = {"a": 0, "b": 1, "rc": 2}


@dataclasses.dataclass(frozen=True)
class AskedVersion:
    """One version of the sweep."""

    text: str
    """As in `1.30.0`."""
    is_installed: bool = False
    """Whether this environment runs it, rather than one made for it."""


def asked_versions(texts: Iterable[str], package: str) -> list[AskedVersion]:
    """The versions in ascending order.

    Args:
        texts: version numbers, `installed`, or several of them in one text separated by commas.
        package: whose versions they are.

    Raises:
        HarnessError: a text is not a version number, two are the same version, or there are fewer than two.
    """
    words = [word.strip() for text in texts for word in text.split(",")]
    asked = sorted((_asked(word, package) for word in words if word), key=lambda one: order_of(one.text))
    for one, other in itertools.pairwise(asked):
        if order_of(one.text) == order_of(other.text):
            twice = one.text if one.text == other.text else f"{one.text} and {other.text}"
            raise HarnessError(f"--versions: {twice} is the same version of {package} twice; give each version once")
    if len(asked) < 2:
        raise HarnessError(f"--versions: give two or more versions of {package}, as in 1.23.2,1.28.0")
    return asked


def order_of(version: str) -> tuple[object, ...]:
    """A key that sorts versions as pip does, and is equal for equal versions such as 1.30 and 1.30.0.

    Raises:
        ValueError: the text is not a version number.
    """
    match = _VERSION.fullmatch(version.strip().lower())
    if not match:
        raise ValueError(f"{version!r} is not a version number")
    release = [int(part) for part in match["release"].split(".")]
    while release and not release[-1]:
        release.pop()
    post = -1 if match["post"] is None else int(match["post"])
    dev = math.inf if match["dev"] is None else int(match["dev"])
    if match["phase"]:
        phase = (_PHASES[match["phase"]], int(match["pre"]))
    else:
        # A development version of the release itself comes before its first alpha.
        phase = (-1, 0) if post < 0 and match["dev"] else (len(_PHASES), 0)
    return tuple(release), phase, post, dev


def same_release(version: str, other: str) -> bool:
    """Whether two versions have the same release number, whatever follows it; unknown forms are compared as texts."""
    try:
        return order_of(version)[0] == order_of(other)[0]
    except ValueError:
        return version == other


def _asked(word: str, package: str) -> AskedVersion:
    if word.lower() == INSTALLED:
        installed = package_version(package)
        if installed is None:
            raise HarnessError(f"--versions {word}: {package} is not installed in this environment; give its number")
        return AskedVersion(installed, is_installed=True)
    try:
        order_of(word)
    except ValueError as error:
        raise HarnessError(f"--versions: {error} of {package}; write 1.23.2,1.28.0, or {INSTALLED}") from error
    return AskedVersion(word.lower())
