"""Where a card's checkpoint is kept: at its release, in the cache, and in a mirror."""

from __future__ import annotations

import dataclasses
import re
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from zoo.card import ModelCard
from zoo.checkpoints.errors import FetchError

HUB_FILE = "model.safetensors"
"""The weights in a Hugging Face repository that timm releases; contains tensors and nothing that could be run."""

HTTPS, DRIVE, HUB = "https", "drive", "hub"

_DRIVE_HOST = "drive.google.com"
_HUB_HOST = "huggingface.co"
_DRIVE_FILE = re.compile(r"/file/d/([-\w]+)(?:/|$)")
# Characters that some file system refuses in a name.
_UNSAFE = re.compile(r'[\x00-\x1f<>:"|?*\\/]')


@dataclasses.dataclass(frozen=True)
class Location:
    """One file that a release keeps on the internet."""

    url: str
    """As the card states it."""
    kind: str
    """`https`, a file to download; `drive`, a file on Google Drive; `hub`, a repository on Hugging Face."""
    path: PurePosixPath
    """Path of the file in the cache and in a mirror: the host, then the path of the URL, as `wget -x` stores it."""
    identifier: str = ""
    """Name of the repository, or of the file on Google Drive; empty for `https`."""

    @property
    def host(self) -> str:
        """The first part of the path."""
        return self.path.parts[0]


def locate(card: ModelCard) -> Location:
    """Where the checkpoint of a card is kept.

    Raises:
        FetchError: no checkpoint was published, or its URL is not one that can be fetched.
    """
    url = card.checkpoint.url
    if not url:
        raise FetchError(f"no checkpoint of {card.name} was ever published: use weights='probe', or your own file")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise FetchError(
            f"the card of {card.name} states {url!r}, which is not a URL ({error}); fix the card"
        ) from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise FetchError(f"the card of {card.name} states {url!r}, which is not a URL of a file; fix the card")
    if parts.hostname == _DRIVE_HOST and (found := _DRIVE_FILE.match(parts.path)):
        name = card.checkpoint.tag or "file"
        return Location(url, DRIVE, _safe_path([_DRIVE_HOST, found[1], name]), identifier=found[1])
    steps = [unquote(step) for step in parts.path.split("/") if step]
    if parts.hostname == _HUB_HOST and len(steps) == 2:
        return Location(url, HUB, _safe_path([_HUB_HOST, *steps, HUB_FILE]), identifier="/".join(steps))
    if not steps:
        raise FetchError(f"the card of {card.name} states {url!r}, which names no file; fix the card")
    if parts.query:
        steps[-1] += f"_{quote(parts.query, safe='=&')}"
    return Location(url, HTTPS, _safe_path([parts.netloc.rpartition("@")[2], *steps]))


def _safe_path(steps: list[str]) -> PurePosixPath:
    """The steps as a path that stays below its folder and can be written on every system."""
    return PurePosixPath(*(_UNSAFE.sub("_", step) if step.strip(". ") else "_" for step in steps))
