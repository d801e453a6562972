"""What stands in for the packages that the originals of RegNet and ResNeSt import."""

from __future__ import annotations

import importlib
import sys

import pytest

from zoo.releases import shims


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch):
    """None of the packages is installed, whatever this environment has."""
    names = {shim.module.partition(".")[0] for source in ("regnet", "resnest") for shim in shims.SHIMS[source]}

    def forget():
        found = [name for name in sys.modules if name.partition(".")[0] in names]
        return {name: sys.modules.pop(name) for name in found}

    known = forget()
    monkeypatch.setattr(shims, "_is_there", lambda module: False)
    yield
    forget()
    sys.modules.update(known)


def test_regnets_configuration_is_opened(tmp_path):
    assert shims.install("regnet") == ["iopath.common.file_io", "submitit"]
    paths = importlib.import_module("iopath.common.file_io").PathManagerFactory.get()
    (tmp_path / "model.yaml").write_text("MODEL:\n")
    with paths.open(str(tmp_path / "model.yaml"), "r") as file:
        assert file.read() == "MODEL:\n"


def test_what_regnet_sends_to_a_cluster_can_be_named_and_not_be_used():
    shims.install("regnet")
    runner = type("Runner", (importlib.import_module("submitit").helpers.Checkpointable,), {})
    with pytest.raises(RuntimeError, match=r"Checkpointable\.checkpoint was used, which only sends training"):
        runner().checkpoint()


def test_what_resnest_registers_stays_as_it_is():
    shims.install("resnest")
    registry = importlib.import_module("fvcore.common.registry").Registry("MODELS")

    @registry.register()
    def network():
        return 3

    assert network() == 3
