"""Fixtures that tests of several packages share."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import onnx
import pytest
from onnx import TensorProto, helper

from foundation import privacy
from harness.machine.device_lock import FOLDER_VARIABLE

# Tests import runtimes before any package of this project.
privacy.switch_off()

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile(
    "at any speed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("at any speed")


@pytest.fixture(scope="session", autouse=True)
def _locks_of_this_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests time nothing: those of several workers need not wait for each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture
def tiny_onnx(tmp_path: Path) -> Callable[..., Path]:
    """Writes a network of one ReLU with the given input shape."""

    def write(shape: tuple[Any, ...] = (1, 3, 8, 8), name: str = "tiny.onnx", inputs: int = 1) -> Path:
        values = [helper.make_tensor_value_info(f"input{i}", TensorProto.FLOAT, shape) for i in range(inputs)]
        nodes = [helper.make_node("Relu", ["input0"], ["logits"])]
        if inputs > 1:
            nodes = [helper.make_node("Add", ["input0", "input1"], ["logits"])]
        output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)
        graph = helper.make_graph(nodes, "tiny", values, [output])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path = tmp_path / name
        onnx.save(model, path)
        return path

    return write


@pytest.fixture
def pretend_version(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Has a library that makes pixels state another version, in this process."""

    def pretend(library: str, version: str) -> None:
        if library == "libjpeg-turbo":
            monkeypatch.setattr("PIL.features.version_feature", lambda feature: version)
        else:
            monkeypatch.setattr({"Pillow": "PIL.__version__", "numpy": "numpy.__version__"}[library], version)

    return pretend


@pytest.fixture(scope="module")
def supernet() -> dict[str, Any]:
    """AlphaNet's supernet, with values derived from the names of its tensors."""
    import torch

    from zoo import probe
    from zoo.architectures.alphanet_supernet import supernet_shapes

    return {
        name: torch.from_numpy(probe.tensor(name, shape)) if shape else torch.tensor(7)
        for name, shape in supernet_shapes().items()
    }


@pytest.fixture(scope="module")
def supernet_file(supernet: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the release's training code writes it: old format, prefixed names, and its configuration."""
    import torch

    path = tmp_path_factory.mktemp("alphanet") / "alphanet_pretrained.pth.tar"
    config = type("Config", (dict,), {"__module__": "utils.config", "__qualname__": "Config"})
    arguments = config(arch="attentive_nas_dynamic_model")
    arguments.__dict__ = arguments
    state = {f"module.{name}": tensor for name, tensor in supernet.items()}
    content = {"epoch": 360, "args": arguments, "state_dict": state, "optimizer": {"state": {}}, "lr_scheduler": {}}
    with pytest.MonkeyPatch.context() as patch:
        utils, configuration = types.ModuleType("utils"), types.ModuleType("utils.config")
        vars(configuration)["Config"] = config
        patch.setitem(sys.modules, "utils", utils)
        patch.setitem(sys.modules, "utils.config", configuration)
        torch.save(content, path, _use_new_zipfile_serialization=False)
    return path
