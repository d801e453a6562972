"""The guard cannot be removed again, so each test of it runs in a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from zoo.releases import shims

ROOT = Path(__file__).resolve().parents[3]
START = """
import os, shutil, socket, sys, urllib.request
from pathlib import Path
from zoo.releases.isolation import ClosedProcessError, isolate
from zoo.releases.pins import ReleaseSource
checkout = Path(sys.argv[1])
isolate(ReleaseSource("toy", (), {"TOY_SETTING": "7"}, ()), (checkout,))
"""


def run(checkout: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + script, checkout], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "checkout"
    (folder / "toy").mkdir(parents=True)
    (folder / "toy" / "network.py").write_text("WIDTH = 3\n")
    return folder


@pytest.mark.parametrize(
    "deed",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.socket(socket.AF_INET6).connect(('::1', 9))",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))",
        "socket.gethostbyname('releases.invalid')",
        "socket.getaddrinfo('releases.invalid', 443)",
    ],
)
def test_original_code_reaches_no_network(checkout, deed):
    done = run(checkout, deed)
    assert "ClosedProcessError: original code may not reach the network: " in done.stderr


def test_a_download_fails_as_downloads_fail_and_not_by_a_crash(checkout):
    """Code that expects that a server may not answer continues."""
    done = run(checkout, "try: urllib.request.urlopen('http://127.0.0.1:9/x')\nexcept OSError as e: print(e.reason)")
    assert done.stdout.startswith("original code may not reach the network"), done.stderr


def test_processes_of_this_machine_may_be_spoken_to(checkout):
    done = run(checkout, "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))")
    assert done.stdout == "b'x'\n", done.stderr


@pytest.mark.parametrize(
    "deed",
    [
        "(checkout / 'new.txt').write_text('x')",
        "(checkout / 'toy' / 'network.py').write_text('x')",
        "open(checkout / 'toy' / 'network.py', 'r+')",
        "os.open(checkout / 'toy' / 'network.py', os.O_RDWR)",
        "(checkout / 'toy' / 'network.py').unlink()",
        "(checkout / 'toy').rename(checkout.parent / 'elsewhere')",
        "(checkout / 'new').mkdir()",
        "shutil.rmtree(checkout / 'toy')",
        "os.chdir(checkout); open('new.txt', 'w')",
        "open(checkout.parent / 'checkout' / '..' / 'checkout' / 'new.txt', 'w')",
    ],
)
def test_original_code_does_not_change_its_checkout(checkout, deed):
    done = run(checkout, deed)
    assert "ClosedProcessError: original code may not " in done.stderr
    assert [path.name for path in checkout.iterdir()] == ["toy"]
    assert (checkout / "toy" / "network.py").read_text() == "WIDTH = 3\n"


def test_elsewhere_it_may_write_and_in_its_checkout_it_may_read(checkout):
    script = "(checkout.parent / 'log').write_text((checkout / 'toy' / 'network.py').read_text())"
    done = run(checkout, script)
    assert done.returncode == 0, done.stderr
    assert (checkout.parent / "log").read_text() == "WIDTH = 3\n"


def test_importing_leaves_no_bytecode_here_or_in_processes_started_from_here(checkout):
    script = (
        "sys.path.insert(0, str(checkout)); import toy.network; import subprocess;"
        "subprocess.run([sys.executable, '-c', 'import toy.network'], cwd=checkout, check=True);"
        "print(toy.network.WIDTH, os.environ['TOY_SETTING'])"
    )
    done = run(checkout, script)
    assert done.stdout == "3 7\n", done.stderr
    assert list(checkout.rglob("*.pyc")) == []


@pytest.fixture
def toy_shims(monkeypatch):
    modules = dict(sys.modules)
    yield lambda *found: monkeypatch.setitem(shims.SHIMS, "toy", found)
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]


def test_a_shim_stands_in_for_a_missing_module(toy_shims):
    toy_shims(shims.Shim("gone_package.part.inner", "toy/network.py", "moved", lambda: {"answer": 42}))
    assert shims.install("toy") == ["gone_package.part.inner"]
    from gone_package.part import inner
    from gone_package.part.inner import answer

    assert answer == inner.answer == 42


def test_what_is_installed_is_not_replaced(toy_shims):
    toy_shims(shims.Shim("json.decoder", "toy/network.py", "moved", lambda: {"JSONDecoder": None}))
    assert shims.install("toy") == []
    from json.decoder import JSONDecoder

    assert JSONDecoder is not None


def test_a_source_without_shims_needs_none():
    assert shims.install("lanet") == []


def test_every_shim_says_who_needs_it_and_why():
    every = [shim for entries in shims.SHIMS.values() for shim in entries]
    moved = [name for entries in shims.MOVED.values() for name in entries]
    assert every
    assert moved
    assert all(shim.needed_by.endswith(".py") and shim.because for shim in (*every, *moved))
    assert all(shim.contents() is not None for shim in every)


def test_a_stand_in_is_found_by_code_that_checks_for_it(toy_shims):
    """PyTorch checks for `tabulate` in this way."""
    toy_shims(shims.Shim("gone_package.part", "toy/network.py", "moved", dict))
    shims.install("toy")
    assert importlib.util.find_spec("gone_package") is not None
    assert importlib.util.find_spec("gone_package.part") is not None


def test_a_name_that_moved_is_where_it_was(monkeypatch):
    old = ModuleType("toy_old_module")
    monkeypatch.setitem(sys.modules, "toy_old_module", old)
    moved = shims.MovedName("toy_old_module", "Mapping", "collections.abc", "toy/network.py", "dropped")
    monkeypatch.setitem(shims.MOVED, "toy", (moved,))
    assert shims.install("toy") == ["toy_old_module.Mapping"]
    assert old.Mapping is Mapping
    assert shims.install("toy") == []


def test_a_resource_lies_beside_the_module_that_asks():
    contents = shims.SHIMS["fbnet"][0].contents()
    assert contents["resource_filename"]("zoo.card", "catalog/x.toml") == str(ROOT / "zoo" / "catalog" / "x.toml")


def test_a_stand_in_for_a_class_can_be_made_but_not_used():
    manager = dict(shims.SHIMS["fbnet"][1].contents())["PathManager"]()
    with pytest.raises(RuntimeError, match=r"PathManager.open was used, which only opens remote files"):
        manager.open("https://x.invalid")
