"""Downloads a file from Google Drive with gdown, which gets past the pages in front of it."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.wording import first_line
from zoo.checkpoints.content import is_quota_page
from zoo.checkpoints.errors import FetchError, TooLargeError, UnreachableError, innermost, untrusted
from zoo.checkpoints.location import Location
from zoo.checkpoints.partial import PartialFile
from zoo.checkpoints.progress import size_text
from zoo.checkpoints.settings import FetchSettings, Patience
from zoo.checkpoints.storage import explained


def download(location: Location, part: PartialFile, settings: FetchSettings) -> None:
    """Downloads a file from Google Drive; afterwards `part.path` is the whole file.

    Attempts within one call resume each other, by gdown's `If-Range`. What an earlier process left is not used:
    gdown would resume such a file without checking that it is still the same.

    Raises:
        UnreachableError: Google Drive does not answer.
        TooLargeError: the file is larger than `settings.limit_bytes`; nothing is kept.
        FetchError: Google Drive refuses the file, for example because it was downloaded too often, or the file cannot
            be written.
    """
    part.discard()
    with explained(part.path):
        part.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".drive-", dir=part.path.parent) as aside:
            file = Path(aside, "file")
            try:
                _run(location, file, part.target.name, settings)
            finally:
                settings.listener.finished()
            file.replace(part.path)


def _run(location: Location, file: Path, name: str, settings: FetchSettings) -> None:
    import gdown

    patience = settings.patience
    with _watch(patience) as watch, _failures_explained(location, patience):

        def progress(done_bytes: int, total_bytes: int | None) -> None:
            # gdown stops if this raises.
            if (size_bytes := max(done_bytes, total_bytes or 0)) > settings.limit_bytes:
                raise TooLargeError(location.url, f"has {size_text(size_bytes)} or more", settings.limit_bytes)
            if not watch.fed:
                settings.listener.started(name, done_bytes, total_bytes)
            watch.feed(done_bytes)
            settings.listener.advanced(done_bytes)

        gdown.download(
            id=location.identifier,
            output=str(file),
            quiet=True,
            use_cookies=False,
            progress=progress,
            timeout=(patience.connect_s, patience.silence_s),
            retries=patience.attempts - 1,
            cancel=watch.expired,
        )


@contextmanager
def _failures_explained(location: Location, patience: Patience) -> Iterator[None]:
    """Turns gdown's errors into messages that say what to do next.

    Raises:
        UnreachableError: Google Drive does not answer.
        FetchError: any other failure of gdown.
    """
    import gdown
    import requests

    by_hand = f"download {location.url} in a browser, put it into a mirror's folder, and give that folder as --mirror"
    try:
        yield
    except gdown.DownloadCancelled as error:
        raise FetchError(
            f"{location.url} came too slowly: fewer than {patience.window_bytes} bytes within "
            f"{patience.window_s:g} s. Run the same command again later, or {by_hand}"
        ) from error
    except gdown.FileURLRetrievalError as error:
        raise FetchError(_refusal(location, str(error), by_hand)) from error
    except gdown.DownloadError as error:
        raise _failure(location, error, by_hand) from error
    except requests.RequestException as error:
        raise _failure(location, error, by_hand) from error
    except (KeyError, ValueError, AssertionError) as error:
        raise FetchError(
            f"{location.url}: gdown does not understand Google Drive's answer ({error!r}): update gdown, or {by_hand}"
        ) from error


def _refusal(location: Location, said: str, by_hand: str) -> str:
    if is_quota_page(said):
        return (
            f"{location.url}: Google Drive says that the file was downloaded too often recently. Wait a day and "
            f"run the same command again, or {by_hand}"
        )
    reason = " ".join(said.split())
    return f"{location.url}: Google Drive refuses the file ({reason[:300]}): {by_hand}"


def _failure(location: Location, error: Exception, by_hand: str) -> FetchError:
    import requests

    # gdown wraps the last of its failed attempts.
    inner = error.__cause__ if isinstance(error.__cause__, requests.RequestException) else error
    if isinstance(inner, requests.exceptions.SSLError):
        return untrusted(location.url, innermost(inner), "REQUESTS_CA_BUNDLE")
    if isinstance(inner, requests.ConnectionError) and not isinstance(inner, requests.exceptions.ChunkedEncodingError):
        return UnreachableError(
            f"{location.url} cannot be reached ({innermost(inner)}): check the network and its proxy, or {by_hand}"
        )
    return FetchError(
        f"{location.url} could not be fetched ({first_line(error)}): run the same command again, or {by_hand}"
    )


class _Watch:
    """Makes gdown stop if the file comes too slowly: gdown itself gives up only on silence."""

    def __init__(self, patience: Patience) -> None:
        self.expired = threading.Event()
        self.fed = False
        self._patience = patience
        self._done = threading.Event()
        self._done_bytes = 0
        self._fed_s = time.monotonic()

    def feed(self, done_bytes: int) -> None:
        """Notes how much has arrived."""
        self.fed = True
        if done_bytes - self._done_bytes >= self._patience.window_bytes or done_bytes < self._done_bytes:
            self._done_bytes, self._fed_s = done_bytes, time.monotonic()

    def run(self) -> None:
        """Waits until the download ends, or patience does."""
        # gdown passes on 512 KiB at a time, so a window here is as long as that many bytes may take.
        allowed_s = self._patience.window_s * max(1, (1 << 19) // self._patience.window_bytes)
        while not self._done.wait(min(1.0, allowed_s / 4)):
            if time.monotonic() - self._fed_s > allowed_s:
                self.expired.set()
                return

    def stop(self) -> None:
        """Notes that the download ended."""
        self._done.set()


@contextmanager
def _watch(patience: Patience) -> Iterator[_Watch]:
    watch = _Watch(patience)
    thread = threading.Thread(target=watch.run, name="drive-watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join()
