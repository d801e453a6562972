from __future__ import annotations

import copy
import sys

import pytest
import torch
from torch import nn

from zoo.errors import ReleaseError
from zoo.releases.drivers import answering, import_original


@pytest.fixture
def checkout(tmp_path):
    before, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_a_module_comes_from_the_checkout(checkout):
    (checkout / "toy_network.py").write_text("WIDTH = 3\n")
    assert import_original("toy_network", checkout).WIDTH == 3


def test_a_folder_without_an_init_file_is_a_module_too(checkout):
    (checkout / "toy_folder").mkdir()
    (checkout / "toy_folder" / "network.py").write_text("WIDTH = 3\n")
    assert import_original("toy_folder", checkout).__name__ == "toy_folder"
    assert import_original("toy_folder.network", checkout).WIDTH == 3


def test_an_installed_package_of_that_name_is_not_taken_for_the_original(checkout):
    with pytest.raises(ReleaseError, match=r"json was to come from the checkout .*, but came from .*json"):
        import_original("json", checkout)


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x):
        return self.linear(x), None


def test_an_answer_is_taken_out_of_what_a_release_returns():
    module = answering(Pair().eval(), lambda both: both[0])
    x = torch.ones(1, 3)
    assert torch.equal(module(x), module.linear(x))
    assert list(module.state_dict()) == ["linear.weight", "linear.bias"]


def test_a_copy_computes_with_its_own_weights():
    module = answering(Pair().eval(), lambda both: both[0])
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.linear.weight.zero_()
    x = torch.ones(1, 3)
    assert torch.equal(twin(x)[0], twin.linear.bias)
    assert not torch.equal(module(x), twin(x))


def test_what_it_makes_can_be_exported():
    module = answering(Pair().eval(), lambda both: both[0])
    program = torch.export.export(module, (torch.ones(1, 3),))
    assert len(program.graph_signature.user_outputs) == 1
