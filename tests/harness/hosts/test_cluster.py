"""What is said of a cluster that cannot be used; the errors are Ray 2.60's."""

from __future__ import annotations

import socket
import sys

import pytest

from harness.errors import HostsError
from harness.hosts.cluster import check_answers, host_and_port, import_ray, why_refused
from harness.hosts.host import HostFacts, unfit

ADDRESS = "192.0.2.2:6379"
MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.55.0
    Python: 3.12.1
This process on node 192.0.2.3 was started with:
    Ray: 2.60.0
    Python: 3.11.2
"""


def test_an_address_where_nothing_answers_is_named_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(HostsError, match=rf"RAY_ADDRESS={address} does not answer .*ray start --head"):
            check_answers(address)


@pytest.mark.parametrize("address", ["6379", "auto", "ray://192.0.2.2:10001", "host:port"])
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    with pytest.raises(HostsError, match="give the head's address as HOST:PORT"):
        host_and_port(address)


def test_another_version_names_both_and_the_way_out() -> None:
    told = why_refused(ADDRESS, RuntimeError(MISMATCH))
    for part in ("Ray: 2.55.0", "Python: 3.12.1", "Ray: 2.60.0", "Python: 3.11.2", "--shard", "docs/many_hosts.md"):
        assert part in told
    assert "\n" not in told


def test_a_token_that_is_wanted() -> None:
    class AuthenticationError(Exception):
        pass

    wanted = AuthenticationError("Token authentication is enabled but no authentication token was found. Ensure that")
    for error in (wanted, ConnectionError(f"Failed to connect to Ray cluster at {ADDRESS}")):
        assert "copy ~/.ray/auth_token from its head" in why_refused(ADDRESS, error)


def test_ray_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HostsError, match=r"pip install 'baseline-zoo\[ray\]'"):
        import_ray()


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (HostFacts("1", "abc"), ""),
        (HostFacts("2", "abc"), "it has version 2 of this project, this machine 1"),
        (HostFacts("1", "abd"), "its images have other names, labels, sizes or contents"),
        (HostFacts("1", fault="/val holds no images"), "/val holds no images"),
    ],
)
def test_a_host_that_is_unfit(facts: HostFacts, why: str) -> None:
    assert unfit(facts, HostFacts("1", "abc")).startswith(why)
    assert bool(unfit(facts, HostFacts("1", "abc"))) == bool(why)
