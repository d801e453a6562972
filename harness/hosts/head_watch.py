"""Whether the head of a Ray cluster is there: without it, Ray ends this program after a minute."""

from __future__ import annotations

import os
import time

from harness.errors import HostsError
from harness.hosts.cluster import ADDRESS, check_answers

_EVERY_S = 5.0
_MOST_SILENCES = 3


class HeadWatch:
    """Looks at the head; of this machine's own cluster, which has no address, it looks at nothing."""

    def __init__(self) -> None:
        """Begins with a head that answers, as it does when a program has connected."""
        self._address = os.environ.get(ADDRESS)
        self._looked_at = time.monotonic()
        self._silences = 0

    @property
    def is_silent(self) -> bool:
        """Whether it did not answer at the last look."""
        return self._silences > 0

    def look(self) -> None:
        """Looks if the last look was some seconds ago.

        Raises:
            HostsError: the head has not answered several times in a row.
        """
        if time.monotonic() - self._looked_at >= _EVERY_S:
            self._look()

    def make_sure(self) -> None:
        """Returns when the head answers, for a call of Ray that would wait for the head.

        Raises:
            HostsError: see `look`.
        """
        self._look()
        while self.is_silent:
            time.sleep(_EVERY_S)
            self._look()

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        if not self._address:
            return
        try:
            check_answers(self._address)
            self._silences = 0
        except HostsError as error:
            self._silences += 1
            if self._silences >= _MOST_SILENCES:
                raise HostsError(
                    f"the head of the Ray cluster at {self._address} is gone. The pieces that are finished are here: "
                    "start the head and its workers again, and repeat the command"
                ) from error
