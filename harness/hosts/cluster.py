"""A Ray cluster: that of RAY_ADDRESS, or one of this machine for as long as the command runs."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

from harness.errors import HostsError

ADDRESS = "RAY_ADDRESS"
_USAGE_STATISTICS = "RAY_USAGE_STATS_ENABLED"
_ANSWER_S = 10.0
"""Time limit for the head to take a connection. Ray's own is two minutes, after which it ends the program."""
_SHUTDOWN_S = 10.0
_OTHER_VERSION = "Version mismatch"
"""How Ray begins the message that the cluster has another version of Ray or Python."""


def import_ray() -> Any:
    """Ray, with its reports to its maker switched off unless the user set the variable.

    Raises:
        HostsError: it is not installed.
    """
    if not os.environ.get(_USAGE_STATISTICS):
        os.environ[_USAGE_STATISTICS] = "0"
    try:
        import ray
    except ImportError as error:
        raise HostsError(
            "--on ray needs Ray: pip install 'baseline-zoo[ray]', or share the work out with --shard and merge "
            "(docs/many_hosts.md)"
        ) from error
    return ray


@contextlib.contextmanager
def connected() -> Iterator[Any]:
    """Yields Ray, connected to the cluster; the connection, or the cluster of this machine, ends with the block.

    Raises:
        HostsError: there is no Ray, or the cluster does not answer or cannot be used; the message says why.
    """
    ray = import_ray()
    address = os.environ.get(ADDRESS, "")
    if address:
        check_answers(address)
    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
    except (Exception, SystemExit) as error:
        raise HostsError(why_refused(address, error)) from error
    try:
        yield ray
    finally:
        _shut_down(ray)


def check_answers(address: str) -> None:
    """Refuses an address at which nothing takes a connection.

    Raises:
        HostsError: see above.
    """
    where, port = host_and_port(address)
    try:
        socket.create_connection((where, port), timeout=_ANSWER_S).close()
    except OSError as error:
        raise HostsError(
            f"{ADDRESS}={address} does not answer within {_ANSWER_S:.0f} s ({error.strerror or error}): start the head "
            "there (ray start --head --include-dashboard=false), or unset the variable to use this machine alone"
        ) from error


def host_and_port(address: str) -> tuple[str, int]:
    """The two parts of `host:port`.

    Raises:
        HostsError: it is anything else.
    """
    where, _, port = address.rpartition(":")
    if not where or not port.isdecimal() or "://" in address:
        raise HostsError(f"{ADDRESS}={address}: give the head's address as HOST:PORT, as in 192.0.2.1:6379")
    return where, int(port)


def why_refused(address: str, error: BaseException) -> str:
    """What to do about an error of `ray.init`."""
    text = str(error)
    where = f"the Ray cluster at {address}" if address else "a Ray cluster on this machine"
    if _OTHER_VERSION in text:
        told = " ".join(text.split()).partition(f"{_OTHER_VERSION}: ")[2]
        return (
            f"{where} has another version of Ray or Python, and Ray wants both equal on all hosts: {told}. Install the "
            "same, or share the work out with --shard and merge, for which versions are free (docs/many_hosts.md)"
        )
    if type(error).__name__ == "AuthenticationError":
        return f"{where} wants a token ({text.partition('.')[0]}): {_TOKEN}"
    if address and isinstance(error, ConnectionError):
        # Ray prints the reason, if it has one, and does not put it into its error.
        return (
            f"{where} takes connections, but not this program's. Either this machine is not one of its hosts: ray "
            f"start --address {address}. Or it wants a token: {_TOKEN}"
        )
    return f"{where} cannot be used: {text.strip() or repr(error)}"


_TOKEN = (
    "copy ~/.ray/auth_token from its head to this machine, or set RAY_AUTH_TOKEN to what is in it, and "
    "RAY_AUTH_MODE=token"
)


def _shut_down(ray: Any) -> None:
    """Ends the connection, which never returns where the head is gone."""
    thread = threading.Thread(target=ray.shutdown, daemon=True)
    thread.start()
    thread.join(_SHUTDOWN_S)
    if thread.is_alive():
        # Else it is called again when the program ends.
        atexit.unregister(ray.shutdown)
