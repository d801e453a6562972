"""What Hugging Face's Hub says of a file: from where to download it, and its digest."""

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
    """Of the file at the commit that was the newest when it was asked for."""
    sha256: str
    """As the Hub states it (the ETag of a large file); empty where it states none."""


def resolve(location: Location, settings: FetchSettings) -> HubFile:
    """The newest version of the weights in a repository. `HF_ENDPOINT` names another Hub, as it does for its library.

    Raises:
        UnreachableError: the Hub does not answer.
        FetchError: it has no such repository, no such file in it, or fails again and again.
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
        raise FetchError(f"{location.url} holds no {HUB_FILE} (any more): look there, or give a --mirror") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status >= 500 or status in (408, 429):
            raise TransientError(f"the Hub answers {status}") from error
        raise FetchError(
            f"{location.url}: the Hub answers {status} ({first_line(error)}): look there, or give a --mirror"
        ) from error
    except Exception as error:
        # Whatever HTTP library the Hub's is built on: with httpx, requests or httpx2, it is that one's error.
        if _is_of_tls(error):
            raise untrusted(location.url, first_line(error), "SSL_CERT_FILE") from error
        raise NoConnectionError(first_line(error)) from error
    etag = found.etag or ""
    url = hf_hub_url(location.identifier, HUB_FILE, revision=found.commit_hash)
    return HubFile(url, etag if _SHA256.fullmatch(etag) else "")


def _is_of_tls(error: BaseException | None) -> bool:
    """Whether an error comes from one of TLS, however it was wrapped."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
