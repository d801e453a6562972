"""Shards hold each thing once, whatever the order."""

from __future__ import annotations

import random

import pytest

from foundation.shard import Shard

NAMES = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, 2001)]


@pytest.mark.parametrize("text", ["", "2", "2/", "a/b", "0/4", "5/4", "1/0", "-1/3", "1/3/5", "1.0/2", "٢/٨"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ValueError, match="shard"):
        Shard.of(text)


def test_a_shard_reads_as_it_is_written():
    assert str(Shard.of(" 2/8 ")) == "2/8"


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_every_name_is_in_one_shard(count):
    held = [[name for name in NAMES if Shard(number, count).holds(name)] for number in range(1, count + 1)]
    assert sorted(name for names in held for name in names) == NAMES
    assert all(0.4 < len(names) * count / len(NAMES) < 1.8 for names in held)


def test_which_shard_holds_a_name_never_changes():
    """Shards of an evaluation begun with an earlier version must go on."""
    assert [number for number in range(1, 9) if Shard(number, 8).holds("ILSVRC2012_val_00000001.JPEG")] == [2]
    assert Shard(1, 1).holds("\udcff.jpg")


def test_things_of_unequal_cost_are_dealt_evenly_and_whatever_their_order():
    costs = {f"model {number}": 1.2**number for number in range(40)}
    shuffled = list(costs.items())
    random.Random(1).shuffle(shuffled)
    hands = [Shard(number, 4).dealt(dict(shuffled)) for number in range(1, 5)]
    assert hands == [Shard(number, 4).dealt(costs) for number in range(1, 5)]
    assert sorted(name for hand in hands for name in hand) == sorted(costs)
    assert {len(hand) for hand in hands} == {10}
    sums = [sum(costs[name] for name in hand) for hand in hands]
    assert max(sums) < 1.8 * min(sums)


def test_a_tie_is_settled_by_name():
    assert Shard(1, 2).dealt({"b": 1, "a": 1}) == {"a"}
