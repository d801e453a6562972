"""What several test files of the zoo start from."""

from __future__ import annotations

import sys
import types

import pytest
import torch

from zoo import probe
from zoo.architectures.alphanet_supernet import supernet_shapes


@pytest.fixture(scope="module")
def supernet():
    """AlphaNet's, with values that follow from its tensors' names."""
    return {
        name: torch.from_numpy(probe.tensor(name, shape)) if shape else torch.tensor(7)
        for name, shape in supernet_shapes().items()
    }


@pytest.fixture(scope="module")
def supernet_file(supernet, tmp_path_factory):
    """A file as the release's training code writes it: old format, prefixed names, its configuration inside."""
    path = tmp_path_factory.mktemp("alphanet") / "alphanet_pretrained.pth.tar"
    config = type("Config", (dict,), {"__module__": "utils.config", "__qualname__": "Config"})
    arguments = config(arch="attentive_nas_dynamic_model")
    arguments.__dict__ = arguments
    state = {f"module.{name}": tensor for name, tensor in supernet.items()}
    content = {"epoch": 360, "args": arguments, "state_dict": state, "optimizer": {"state": {}}, "lr_scheduler": {}}
    with pytest.MonkeyPatch.context() as patch:
        utils = types.ModuleType("utils")
        utils.config = types.ModuleType("utils.config")
        utils.config.Config = config
        patch.setitem(sys.modules, "utils", utils)
        patch.setitem(sys.modules, "utils.config", utils.config)
        torch.save(content, path, _use_new_zipfile_serialization=False)
    return path
