"""Asks Hugging Face's Hub where to download a file from, and for its digest."""

from __future__ import annotations

import dataclasses
import re
import ssl

from foundation.wording import first_line
from zoo.checkpoints.errors import FetchError, NoConnectionError, TransientError, untrusted
from zoo.checkpoints.location import HUB_FILE, Location
from zoo.checkpoints.retry import persist
from zoo.checkpoints.settings import FetchSettings

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class HubFile:
    """One version of a file at the Hub."""

    url: str
    """URL of the file at the newest commit at the time of asking."""
    sha256: str
    """As the Hub states it (the ETag of a large file); empty if it states none."""


def resolve(location: Location, settings: FetchSettings) -> HubFile:
    """The newest version of the weights in a repository. `HF_ENDPOINT` names another Hub, as for the Hub's library.

    Raises:
        UnreachableError: the Hub does not answer.
        FetchError: the Hub has no such repository, no such file in it, or fails repeatedly.
    """
    return persist(lambda: _ask(location, settings), lambda: 0, location.url, settings.patience, settings.listener)


def _ask(location: Location, settings: FetchSettings) -> HubFile:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, OfflineModeIsEnabled

    try:
        found = get_hf_file_metadata(hf_hub_url(location.identifier, HUB_FILE), timeout=settings.patience.silence_s)
    except OfflineModeIsEnabled as error:
        raise FetchError(f"{location.url}: HF_HUB_OFFLINE is set: unset it, or give a --mirror") from error
    except EntryNotFoundError as error:
        raise FetchError(f"{location.url} holds no {HUB_FILE} (any more): check there, or give a --mirror") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status >= 500 or status in (408, 429):
            raise TransientError(f"the Hub answers {status}") from error
        raise FetchError(
            f"{location.url}: the Hub answers {status} ({first_line(error)}): check there, or give a --mirror"
        ) from error
    except Exception as error:
        # The error is that of the HTTP library below the Hub's, which may be httpx, requests or httpx2.
        if _is_of_tls(error):
            raise untrusted(location.url, first_line(error), "SSL_CERT_FILE") from error
        raise NoConnectionError(first_line(error)) from error
    etag = found.etag or ""
    url = hf_hub_url(location.identifier, HUB_FILE, revision=found.commit_hash)
    return HubFile(url, etag if _SHA256.fullmatch(etag) else "")


def _is_of_tls(error: BaseException | None) -> bool:
    """Whether an error comes from a TLS error, however it was wrapped."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
