"""Downloads one file by HTTP: resumes, retries, and never mixes two versions."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from zoo.checkpoints.errors import FetchError, NoConnectionError, TooLargeError, TransientError, innermost, untrusted
from zoo.checkpoints.partial import PartialFile
from zoo.checkpoints.progress import size_text
from zoo.checkpoints.retry import persist
from zoo.checkpoints.settings import FetchSettings, Patience, without_password
from zoo.checkpoints.storage import explained

if TYPE_CHECKING:
    import requests

_CHUNK_BYTES = 1 << 18
_USER_AGENT = "baseline-zoo (+https://arxiv.org/abs/2205.00841)"
_TRY_AGAIN = (408, 425, 429)
_GONE = (404, 410)
_REFUSED = (401, 403)


def download(url: str, part: PartialFile, settings: FetchSettings) -> None:
    """Downloads a URL; afterwards `part.path` is the whole file, as far as the server states its size.

    A user name and a password in the URL are sent to its host, and appear in no message and no file.
    A part of the same version of the file is resumed, by `Range` and `If-Range`.

    Raises:
        UnreachableError: the host does not answer.
        TooLargeError: the file is larger than `settings.limit_bytes`, or than the server states; nothing is kept.
        FetchError: the server has no such file, or fails repeatedly; or the file cannot be written.
    """
    import requests

    patience, listener = settings.patience, settings.listener
    name, password = requests.utils.get_auth_from_url(url)
    url = without_password(url)
    with requests.Session() as session:
        if name:
            session.auth = (name, password)
        session.headers.update({"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"})
        try:
            persist(lambda: _attempt(session, url, part, settings), lambda: part.size, url, patience, listener)
        finally:
            listener.finished()


def _attempt(session: requests.Session, url: str, part: PartialFile, settings: FetchSettings) -> None:
    wanted = part.headers(url)
    if wanted and part.size == part.total_bytes:
        return
    with _answer(session, url, wanted, settings.patience) as response:
        _check_status(response, url, part)
        try:
            _receive(response, url, part, settings)
        except TooLargeError:
            # It is not the beginning of a usable file.
            part.discard()
            raise
    if not part.complete():
        raise TransientError(f"the connection ended after {part.size} of {part.total_bytes} bytes")


def _receive(response: requests.Response, url: str, part: PartialFile, settings: FetchSettings) -> None:
    """Writes the body of an answer to the file.

    Raises:
        TooLargeError: it is larger than a release's file, or than the server stated.
        TransientError: see `_chunks` and `PartialFile.open`.
    """
    listener, limit_bytes = settings.listener, settings.limit_bytes
    # Includes closing the file, which writes what is still buffered.
    with explained(part.path), part.open(url, response.status_code, response.headers) as file:
        done_bytes, total_bytes = file.tell(), part.total_bytes
        if total_bytes is not None and total_bytes > limit_bytes:
            raise TooLargeError(url, f"has {size_text(total_bytes)}, as the server states", limit_bytes)
        most_bytes = limit_bytes if total_bytes is None else total_bytes
        listener.started(part.target.name, done_bytes, total_bytes)
        for chunk in _chunks(response, settings.patience):
            done_bytes += len(chunk)
            if done_bytes > most_bytes:
                raise TooLargeError(url, f"continues after {size_text(most_bytes)}", limit_bytes)
            file.write(chunk)
            listener.advanced(done_bytes)


def _answer(session: requests.Session, url: str, headers: dict[str, str], patience: Patience) -> requests.Response:
    import requests
    from urllib3.exceptions import ProtocolError

    try:
        return session.get(url, headers=headers, stream=True, timeout=(patience.connect_s, patience.silence_s))
    except requests.TooManyRedirects as error:
        raise FetchError(f"{url} redirects endlessly: give a --mirror") from error
    except requests.exceptions.SSLError as error:
        raise untrusted(url, innermost(error), "REQUESTS_CA_BUNDLE") from error
    except requests.ReadTimeout as error:
        raise TransientError(f"no answer within {patience.silence_s:g} s") from error
    except requests.ConnectionError as error:
        broken = bool(error.args) and isinstance(error.args[0], ProtocolError)
        kind = TransientError if broken else NoConnectionError
        raise kind(innermost(error)) from error
    except (requests.RequestException, OSError, ValueError) as error:
        # ValueError: a redirect to something that is not a URL.
        raise FetchError(f"{url} cannot be requested ({innermost(error)}): check the URL") from error


def _check_status(response: requests.Response, url: str, part: PartialFile) -> None:
    """Raises the error for an answer without a file, or with one that could have been changed on the way."""
    hops = [*response.history, response]
    if any(one.url.startswith("https:") and not other.url.startswith("https:") for one, other in pairwise(hops)):
        raise FetchError(
            f"{url} redirects to {without_password(response.url)} over an unencrypted connection, on which anybody "
            "could change the file: give a --mirror"
        )
    status = response.status_code
    said = f"the server answers {status} {response.reason}".strip()
    if status in (200, 206):
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise FetchError(f"{url} is sent compressed although it was requested uncompressed: give a --mirror")
        if status == 206 and "Range" not in response.request.headers:
            raise TransientError(f"{said} to a request for the whole file")
        return
    if status == 416:
        part.discard()
        raise TransientError(f"{said}: the file changed")
    if status >= 500 or status in _TRY_AGAIN:
        raise TransientError(said, wait_s=_asked_wait_s(response.headers.get("Retry-After", "")))
    if status in _GONE:
        raise FetchError(f"{url}: {said}: the release moved or removed the file; check there, or give a --mirror")
    if status in _REFUSED:
        raise FetchError(f"{url}: {said}: the file is not public (any more), or a proxy forbids it; give a --mirror")
    raise FetchError(f"{url}: {said}: check the URL, or give a --mirror")


def _asked_wait_s(text: str) -> float:
    """Seconds that a `Retry-After` header asks for, as their number or as a date; 0 if it is neither."""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def _chunks(response: requests.Response, patience: Patience) -> Iterator[bytes]:
    """The body, as it arrives.

    Raises:
        TransientError: it ends early, stops, or comes too slowly.
    """
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    window_started_s, window_bytes = time.monotonic(), 0
    while True:
        try:
            # Returns what has arrived, unlike `read`, which waits for all that it is asked for.
            chunk = response.raw.read1(_CHUNK_BYTES, decode_content=False)
        except ReadTimeoutError as error:
            raise TransientError(f"nothing came for {patience.silence_s:g} s") from error
        except (HTTPError, OSError) as error:
            raise TransientError(f"the connection broke ({innermost(error)})") from error
        if not chunk:
            return
        yield chunk
        window_bytes += len(chunk)
        elapsed_s = time.monotonic() - window_started_s
        if elapsed_s >= patience.window_s:
            if window_bytes < patience.window_bytes:
                raise TransientError(f"only {window_bytes} bytes came within {elapsed_s:.0f} s")
            window_started_s, window_bytes = time.monotonic(), 0
