from __future__ import annotations

import pytest

from zoo.state_fit import main_prefix, misfits, whole_prefixes

OWN = {"stem.weight": (8, 3, 3, 3), "body.0.weight": (8, 8), "body.0.bias": (8,), "fc.weight": (1000, 8)}


def renamed(prefix: str) -> dict[str, tuple[int, ...]]:
    return {prefix + name: shape for name, shape in OWN.items()}


def test_a_state_that_fits_has_no_misfits() -> None:
    assert misfits(OWN, OWN) == ""
    assert misfits({**OWN, "num_batches": ()}, OWN, may_lack={"num_batches"}) == ""


@pytest.mark.parametrize("prefix", ["model.", "module.model.", "a.b.c."])
def test_the_prefix_of_a_whole_state_is_found(prefix: str) -> None:
    assert whole_prefixes(OWN, renamed(prefix), ()) == [prefix]
    assert main_prefix(OWN, renamed(prefix)) == prefix
    assert whole_prefixes(OWN, renamed(prefix) | {"loss.weight": (3,)}, ()) == [prefix]
    assert whole_prefixes({**OWN, "counter": ()}, renamed(prefix), {"counter"}) == [prefix]


def test_a_part_of_a_name_is_no_prefix() -> None:
    assert whole_prefixes({"weight": (1,)}, {"myweight": (1,)}, ()) == []


def test_without_the_prefix_only_what_is_really_missing_is_listed() -> None:
    given = renamed("net.")
    del given["net.fc.weight"]
    assert misfits(OWN, given) == "under the prefix 'net.' of its names; missing fc.weight"


def test_a_prefix_that_the_file_lacks_is_named() -> None:
    told = misfits(renamed("network."), OWN)
    assert told.startswith("its names lack the prefix 'network.' of the network's; missing network.stem.weight")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"fc.weight": (10, 8)}, "it is a checkpoint for 10 classes, and the network has 1,000"),
        ({"fc.weight": (1000, 4)}, ""),
        ({"fc.weight": (10, 8), "stem.weight": (4, 3, 3, 3)}, ""),
        ({"body.0.weight": (4, 8), "body.0.bias": (4,)}, ""),
        ({"fc.weight": (10,)}, ""),
    ],
)
def test_another_head_is_told_from_another_width(changed: dict[str, tuple[int, ...]], told: str) -> None:
    found = misfits(OWN, OWN | changed, classes=1000)
    assert found.startswith(told or f"{next(name for name in OWN if name in changed)} has shape")
    assert ("classes" in found) == bool(told)


def test_long_lists_are_cut() -> None:
    own = {f"layer{index}.weight": (1,) for index in range(100)}
    assert misfits(own, {"x": (1,)}) == (
        "its tensors have none of the network's names; missing layer0.weight, layer1.weight, layer2.weight, "
        "layer3.weight and 96 more; unexpected x"
    )
