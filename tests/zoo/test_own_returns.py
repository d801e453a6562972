from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
import torch

from zoo.own_returns import what_to_return

LAYER = torch.nn.Linear(2, 2)


async def later() -> torch.nn.Module:
    await asyncio.sleep(0)
    return LAYER


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (None, "return network"),
        (torch.nn.ReLU, r"ReLU\(\)"),
        (LAYER.state_dict(), "load_state_dict"),
        ({"small": LAYER}, "a function for each"),
        ([LAYER], "in it alone"),
        ((LAYER, None), "in it alone"),
        ([LAYER, LAYER], "a function for each"),
        ((1, 2), "return it alone"),
        ("best.pth", "load them into it"),
        (iter(()), "build the network"),
        (torch.relu, "whose forward calls it"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_function_returns_instead_of_a_network_has_a_next_step(found: Any, told: str) -> None:
    assert re.search(told, what_to_return(found))


def test_what_is_not_called_yet_is_an_ordinary_function_s_business() -> None:
    assert "ordinary function" in what_to_return(later())
    assert "ordinary function" in what_to_return(layer for layer in (LAYER,))


def test_a_network_of_another_framework_goes_by_onnx() -> None:
    other = type("Model", (), {"__module__": "keras.src.models"})()
    assert what_to_return(other) == "this is one of keras; export it to ONNX, and measure that file with --onnx"
