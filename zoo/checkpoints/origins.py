"""Where a file comes from: a mirror, or its release, by the method that the URL requires."""

from __future__ import annotations

import os
from pathlib import Path

from zoo.checkpoints import drive, http, hub, mirror
from zoo.checkpoints.errors import FetchError
from zoo.checkpoints.location import DRIVE, HUB, Location
from zoo.checkpoints.partial import PartialFile
from zoo.checkpoints.settings import FetchSettings

_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where requests and gdown look for a company's certificates; the Hub's library looks elsewhere."""
_CERTIFICATES_OF_THE_HUB = "SSL_CERT_FILE"


def bring(location: Location, part: PartialFile, settings: FetchSettings) -> str:
    """Downloads or copies a file; afterwards `part.path` is the whole file.

    Returns:
        The SHA-256 that its server states; empty if it states none, as most do.

    Raises:
        UnreachableError: the host does not answer.
        FetchError: the file cannot be fetched, or not without a network.
    """
    folder = mirror.mirror_folder(settings.chosen_mirror) if settings.chosen_mirror else None
    if folder is not None:
        mirror.copy(folder, location.path, location.url, part, settings)
        return ""
    if settings.offline:
        raise FetchError(
            f"{location.url} is not in the cache at {part.target}, and no network may be used: fetch it on a "
            "machine that has one, and give a copy of that cache's folder `checkpoints` as --mirror"
        )
    _check_certificates(location)
    if settings.chosen_mirror:
        url = mirror.mirror_url(settings.chosen_mirror, location.path)
        http.download(url, part, settings)
        return ""
    if location.kind == DRIVE:
        drive.download(location, part, settings)
        return ""
    if location.kind == HUB:
        found = hub.resolve(location, settings)
        http.download(found.url, part, settings)
        return found.sha256
    http.download(location.url, part, settings)
    return ""


def _check_certificates(location: Location) -> None:
    """Refuses certificates that do not exist, which the libraries report each in its own way, or not at all."""
    hub_too = (_CERTIFICATES_OF_THE_HUB,) if location.kind == HUB else ()
    for variable in (*_CERTIFICATES, *hub_too):
        path = os.environ.get(variable, "")
        if path and not Path(path).exists():
            raise FetchError(
                f"{location.url} cannot be requested: {variable} names the certificates {path}, which do not exist: "
                "fix that variable, or unset it"
            )
