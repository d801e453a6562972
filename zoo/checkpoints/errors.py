"""Errors of fetching released checkpoints; each message names the file, the URL and the next step."""

from __future__ import annotations

from foundation.wording import first_line
from zoo.errors import WeightsError


class FetchError(WeightsError):
    """A checkpoint that could not be fetched, or is not the one that it was."""


class UnreachableError(FetchError):
    """The file's host did not answer: its other files need not be tried now."""


class TooLargeError(FetchError):
    """A file that is larger than any release's."""

    def __init__(self, url: str, size: str, limit_bytes: int) -> None:
        """Words the message.

        Args:
            url: the file's URL.
            size: how large it is, in words that follow "it".
            limit_bytes: size of the largest file that is accepted.
        """
        super().__init__(
            f"{url} is refused: it {size}, and no released checkpoint comes near {limit_bytes / 2**30:.3g} GiB. "
            "Nothing was kept: open the URL in a browser, or give a --mirror that holds the file"
        )


class TransientError(FetchError):
    """A failure that another attempt may fix: a server's 5xx, a connection that ended early or went silent."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        """Wait that the server asked for before the next attempt; 0 if it asked for none."""


class NoConnectionError(TransientError):
    """No connection could be made: the name is unknown, the host silent, or the port closed."""


def innermost(error: BaseException) -> str:
    """The message of the innermost of nested errors: the HTTP libraries wrap theirs several times."""
    while True:
        if len(error.args) == 2 and isinstance(error.args[0], str) and isinstance(error.args[1], BaseException):
            # What went wrong, as with a proxy, and the reason.
            return f"{error.args[0]} ({innermost(error.args[1])})"
        inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        if not isinstance(inner, BaseException):
            return first_line(error)
        error = inner


def untrusted(url: str, reason: str, variable: str) -> FetchError:
    """The error for a server whose certificate is not trusted.

    Args:
        url: the URL that was requested.
        reason: what is wrong with the certificate.
        variable: the environment variable that names the trusted certificates.
    """
    return FetchError(
        f"{url} cannot be trusted ({reason}): check the clock, the proxy, and the certificates that {variable} names"
    )
