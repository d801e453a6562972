from __future__ import annotations

import collections
import dataclasses

import pytest
import torch

from zoo.own_outputs import OneOutput, described, logits_path, path_text

ROWS = torch.zeros(2, 10)
Pair = collections.namedtuple("Pair", "loss heads")


@dataclasses.dataclass
class Output:
    loss: object
    logits: torch.Tensor


class Plain:
    def __init__(self):
        self.scores = ROWS


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ((ROWS, ROWS.softmax(1)), "[0]"),
        ([torch.zeros(()), ROWS], "[1]"),
        ({"out": ROWS}, "['out']"),
        ({"features": torch.zeros(2, 64), "logits": ROWS}, "['logits']"),
        ({"maps": torch.zeros(2, 3, 8, 8), "scores": ROWS}, "['scores']"),
        (collections.OrderedDict(a=torch.zeros(2, dtype=torch.long), b=ROWS), "['b']"),
        (Pair(torch.zeros(()), [ROWS, ROWS]), ".heads[0]"),
        (Output(None, ROWS), ".logits"),
        (Plain(), ".scores"),
        ((torch.zeros(2, 10, 1, 1),), "[0]"),
        ((torch.zeros(2, 10, dtype=torch.long), ROWS.half()), "[1]"),
        ({"a": {"b": (ROWS,)}}, "['a']['b'][0]"),
    ],
)
def test_the_first_tensor_of_the_form_of_logits_is_found_and_named(output, text):
    path = logits_path(output, 2)
    assert path_text(path) == text
    network = OneOutput(torch.nn.Identity(), path)
    assert network(output).shape[:2] == (2, 10)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("cat", "str without a tensor"),
        (None, "NoneType without a tensor"),
        ([0.5, 0.5], "list without a tensor"),
        ({"out": torch.zeros(2, 5, 8, 8)}, "dict of the tensors ['out'] (2, 5, 8, 8)"),
        ((torch.zeros(()), torch.zeros(2)), "tuple of the tensors [0] (), [1] (2,)"),
        ((torch.zeros(3, 10),), "tuple of the tensors [0] (3, 10)"),
        ([torch.zeros(())] * 10, "list of the tensors [0] (), "),
    ],
)
def test_without_one_the_output_is_described(output, text):
    assert logits_path(output, 2) is None
    assert described(output).startswith(text)


def test_a_container_that_contains_itself_ends():
    output: list[object] = []
    output.append(output)
    assert logits_path(output, 2) is None
