from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import torch

from zoo import probe
from zoo.state_digest import state_sha256


@dataclasses.dataclass
class Labels:
    names: list[str]


class Settings:
    def __init__(self, rate):
        self.rate = rate


def test_dense_tensors_have_the_digest_of_all_other_models():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).half()
    state = network.state_dict()
    assert state_sha256(state) == probe.weights_sha256({name: tensor.numpy() for name, tensor in state.items()})


PAIRS = {
    "bfloat16": (torch.ones(3).bfloat16(), torch.tensor([1, 1, 2]).bfloat16()),
    "float8": (torch.ones(2).to(torch.float8_e4m3fn), torch.zeros(2).to(torch.float8_e4m3fn)),
    "type": (torch.ones(3).bfloat16(), torch.ones(3)),
    "scalar": (torch.tensor(1.0), torch.tensor(2.0)),
    "shape": (torch.ones(2, 3), torch.ones(3, 2)),
    "sparse": (torch.eye(3).to_sparse(), torch.ones(3, 3).to_sparse()),
    "quantised": tuple(torch.quantize_per_tensor(torch.tensor([x]), 0.1, 0, torch.qint8) for x in (0.5, 0.9)),
    "conjugated": (torch.tensor([1j]).conj(), torch.tensor([1j])),
    "array": (np.ones(2), np.zeros(2)),
    "extra state": ({"version": 3, "table": [torch.ones(1)]}, {"version": 3, "table": [torch.zeros(1)]}),
    "text": ("a", "b"),
    "bytes": (b"a", b"b"),
    "number": (1, 1.0),
    "set": ({"a", "b"}, {"a", "c"}),
    "dataclass": (Labels(["a"]), Labels(["b"])),
    "object": (Settings(1), Settings(2)),
    "none": (None, False),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_another_value_is_another_digest_and_the_same_value_the_same(kind):
    first, second = PAIRS[kind]
    assert state_sha256({"x": first}) != state_sha256({"x": second})
    buffer = io.BytesIO()
    torch.save(first, buffer)
    buffer.seek(0)
    assert state_sha256({"x": torch.load(buffer, weights_only=False)}) == state_sha256({"x": first})


def test_the_order_of_names_has_no_meaning_and_that_of_a_list_has():
    assert state_sha256({"a": 1, "b": {"c": 2, "d": 3}}) == state_sha256({"b": {"d": 3, "c": 2}, "a": 1})
    assert state_sha256({"a": [1, 2]}) != state_sha256({"a": [2, 1]})


def test_a_container_that_contains_itself_and_an_unknown_object_have_a_digest():
    table: dict[str, object] = {"lock": object()}
    table["self"] = table
    assert state_sha256({"x": table}) == state_sha256({"x": table})


def test_a_tensor_without_numbers_enters_by_its_shape():
    assert state_sha256({"x": torch.empty(2, device="meta")}) != state_sha256({"x": torch.empty(3, device="meta")})
