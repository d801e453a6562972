from __future__ import annotations

import pytest

import zoo
from zoo.catalog.reader import all_cards
from zoo.errors import UnknownModelError
from zoo.selection import SUITES, select, suites_of


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("regnet/RegNetY-200MF", ["regnet/RegNetY-200MF"]),
        ("regnety-200mf", ["regnet/RegNetY-200MF"]),
        ("REGNET/*-200mf", ["regnet/RegNetX-200MF", "regnet/RegNetY-200MF"]),
        ("*net_b0", ["efficientnet/efficientnet_b0", "efficientnet/tf_efficientnet_b0"]),
        ("tf_efficientnet_b0", ["efficientnet/tf_efficientnet_b0"]),
        ("TF_efficientnet_b0.ns_jft_in1k", ["efficientnet/tf_efficientnet_b0.ns_jft_in1k"]),
        ("efficientnet/*ns_jft*", [f"efficientnet/tf_efficientnet_b{size}.ns_jft_in1k" for size in range(8)]),
        ("resnest101, regnetx-200mf", ["regnet/RegNetX-200MF", "resnest/resnest101"]),
        (["resnest101", "resnest/resnest101"], ["resnest/resnest101"]),
    ],
)
def test_names_and_globs(patterns, expected):
    assert zoo.list_models(patterns) == expected


def test_a_source_is_all_its_models():
    assert len(zoo.list_models("resnest")) == 11


def test_all_is_every_model_once():
    names = zoo.list_models("all")
    assert len(names) == len(set(names)) == len(zoo.cards())


def test_smoke_is_the_smallest_of_each_source():
    chosen = zoo.cards("smoke")
    sources = {card.source for card in zoo.cards()}
    assert sorted(card.source for card in chosen) == sorted(sources)
    for card in chosen:
        assert card.macs == min(other.macs for other in zoo.cards(card.source))


def test_smoke_is_what_it_was():
    """The first of equals, so that a network's other weights do not take its place."""
    assert zoo.list_models("smoke") == [
        "alphanet/a0",
        "efficientnet/efficientnet_b0",
        "efficientnet_x/efficientnet-x-b0",
        "fbnet/dmasking_f1",
        "gpunet/GPUNet-P0",
        "lanet/LaNet_CIFAR10_128",
        "ofa/s7edge_lat-29ms_top1-70.5_finetune-25",
        "regnet/RegNetX-200MF",
        "resnest/resnest50_fast_1s1x64d",
    ]


def test_mobile_is_bounded_by_multiply_adds():
    assert all(card.macs <= 600e6 for card in zoo.cards("mobile"))
    assert len(zoo.cards("mobile")) > 40
    assert set(zoo.list_models("tf_efficientnet_b0.*")) < set(zoo.list_models("mobile"))


@pytest.mark.parametrize(
    ("wrong", "offered"),
    [("resnest51", "resnest/resnest50"), ("efficentnet_b0", "efficientnet/efficientnet_b0"), ("somke", "smoke")],
)
def test_an_unknown_name_offers_the_nearest(wrong, offered):
    with pytest.raises(UnknownModelError, match=offered):
        zoo.cards(wrong)


def test_a_glob_that_matches_nothing_says_so():
    with pytest.raises(UnknownModelError, match=r"no model matches 'vgg\*'"):
        zoo.cards("all,vgg*")


def test_nothing_asked_is_an_error():
    with pytest.raises(UnknownModelError, match="no model named"):
        zoo.cards(" , ")


def test_one_card_of_several_is_an_error():
    with pytest.raises(UnknownModelError, match="selects 11 models"):
        zoo.card("resnest")


def test_a_model_is_in_the_suites_that_select_it():
    for card in (all_cards()["regnet/RegNetX-200MF"], all_cards()["resnest/resnest269"]):
        expected = [suite for suite in SUITES if card in select(suite, all_cards())]
        assert suites_of(card.name, all_cards()) == expected
        assert "all" in expected
    assert suites_of("own/mine:net", all_cards()) == []
