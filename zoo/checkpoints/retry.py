"""Retries what may have failed by chance, after increasing waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from zoo.checkpoints.errors import FetchError, NoConnectionError, TransientError, UnreachableError
from zoo.checkpoints.settings import FetchListener, Patience

T = TypeVar("T")


def persist(
    attempt: Callable[[], T], done_bytes: Callable[[], int], url: str, patience: Patience, listener: FetchListener
) -> T:
    """The result of the first attempt that succeeds.

    Args:
        attempt: raises `TransientError` if another attempt is worthwhile.
        done_bytes: how much is there. An attempt that brings much was not a failure, even if it ended early.
        url: the URL, for messages.
        patience: how often to try, and after which waits.
        listener: informed of attempts that failed.

    Raises:
        UnreachableError: no connection could be made, repeatedly.
        FetchError: every attempt failed, or one failed for good.
    """
    failures, most_bytes = 0, done_bytes()
    while True:
        try:
            return attempt()
        except TransientError as error:
            # Beyond the most that was ever there: a file that starts again each time makes no progress.
            failures = 1 if done_bytes() - most_bytes >= patience.progress_bytes else failures + 1
            most_bytes = max(most_bytes, done_bytes())
            connected = not isinstance(error, NoConnectionError)
            limit = patience.attempts if connected else patience.connect_attempts
            if failures >= limit:
                raise _given_up(error, url, failures, connected) from error
            wait_s = min(max(error.wait_s, patience.backoff_s * 2 ** (failures - 1)), patience.backoff_limit_s)
            listener.note(f"{url}: {error}; attempt {failures + 1} of {limit} in {wait_s:.0f} s")
            time.sleep(wait_s)


def _given_up(error: TransientError, url: str, failures: int, connected: bool) -> FetchError:
    times = "once" if failures == 1 else f"{failures} times"
    if not connected:
        return UnreachableError(
            f"{url} cannot be reached ({error}; tried {times}): check the network and its proxy, or give a --mirror"
        )
    return FetchError(
        f"{url} could not be fetched ({error}; tried {times}): run the same command again later, which resumes from "
        "what is there, or give a --mirror"
    )
