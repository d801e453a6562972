"""What keeps a released checkpoint from being had; each message names the file, the URL and the next step."""

from __future__ import annotations

from foundation.wording import first_line
from zoo.errors import WeightsError


class FetchError(WeightsError):
    """A checkpoint that could not be had, or is not the one that it was."""


class UnreachableError(FetchError):
    """Nobody answered where the file is kept: other files of the same place need not be tried now."""


class TooLargeError(FetchError):
    """A file that is larger than any release's."""

    def __init__(self, url: str, size: str, limit_bytes: int) -> None:
        """Words the message.

        Args:
            url: of the file.
            size: how large it is, in words that follow "it".
            limit_bytes: largest file that is taken.
        """
        super().__init__(
            f"{url} is refused: it {size}, and no released checkpoint comes near {limit_bytes / 2**30:.3g} GiB. "
            "Nothing of it was kept: look at the URL in a browser, or give a --mirror that holds the file"
        )


class TransientError(FetchError):
    """A failure that another attempt may mend: a server's 5xx, a connection that ended early or went silent."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        """What the server asked to wait before the next attempt; 0 where it asked nothing."""


class NoConnectionError(TransientError):
    """No connection came about: the name is unknown, the host silent, or the port closed."""


def innermost(error: BaseException) -> str:
    """What the innermost of nested errors says: the HTTP libraries wrap theirs several times."""
    while True:
        if len(error.args) == 2 and isinstance(error.args[0], str) and isinstance(error.args[1], BaseException):
            # What went wrong with what, as with a proxy, and the reason.
            return f"{error.args[0]} ({innermost(error.args[1])})"
        inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        if not isinstance(inner, BaseException):
            return first_line(error)
        error = inner


def untrusted(url: str, reason: str, variable: str) -> FetchError:
    """The error of a server whose certificate is not trusted.

    Args:
        url: that was asked.
        reason: what is wrong with the certificate.
        variable: of the environment, which names the certificates that are trusted.
    """
    return FetchError(
        f"{url} cannot be trusted ({reason}): check the clock, the proxy, and the certificates that {variable} names"
    )
