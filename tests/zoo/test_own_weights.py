from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch

from zoo.own_weights import said


def network(classes: int = 10) -> torch.nn.Module:
    return torch.nn.Sequential(
        OrderedDict(
            stem=torch.nn.Conv2d(3, 8, 3), pool=torch.nn.AdaptiveAvgPool2d(1), flat=torch.nn.Flatten(), fc=_fc(classes)
        )
    )


def _fc(classes: int) -> torch.nn.Module:
    return torch.nn.Linear(8, classes)


def message(state: Any, classes: int = 10) -> str:
    with pytest.raises(RuntimeError) as raised:
        network(classes).load_state_dict(state)
    return said(raised.value)


@pytest.mark.parametrize("prefix", ["model.", "_orig_mod.", "module.", "module._orig_mod.model."])
@pytest.mark.parametrize("classes", [10, 7])
def test_a_prefix_is_named_with_what_removes_it(prefix: str, classes: int) -> None:
    told = message({prefix + name: tensor for name, tensor in network(classes).state_dict().items()})
    assert told.startswith(
        f"RuntimeError: the checkpoint does not fit the Sequential: its names have the prefix {prefix!r}"
    )
    assert f"name.removeprefix({prefix!r})" in told


@pytest.mark.parametrize("entry", ["state_dict", "model", "model_ema", "net"])
def test_a_checkpoint_given_whole_is_told_from_a_state(entry: str) -> None:
    assert f"torch.load(FILE)[{entry!r}]" in message({entry: network().state_dict(), "epoch": 3})


def test_another_head_is_named() -> None:
    assert "for 7 classes, and the network has 10; fc.weight has shape (7, 8)" in message(network(7).state_dict())


def test_another_network_is_listed_shortly() -> None:
    told = message(torch.nn.Linear(2, 2).state_dict())
    assert "none of the network's names; missing stem.weight, stem.bias, fc.weight, fc.bias; unexpected weight" in told


def test_a_pickled_network_says_how_it_is_opened(tmp_path: Any) -> None:
    torch.save(network(), tmp_path / "whole.pt")
    with pytest.raises(Exception, match="Weights only load failed") as raised:
        torch.load(tmp_path / "whole.pt")
    assert "weights_only=False" in said(raised.value)
    assert "\n" not in said(raised.value)


def test_any_other_error_is_its_first_line() -> None:
    assert said(FileNotFoundError("no x.pth\nat all")) == "FileNotFoundError: no x.pth"
