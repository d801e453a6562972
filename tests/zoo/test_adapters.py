from __future__ import annotations

import itertools
import sys
from importlib import metadata

import pytest

import zoo
from zoo import adapters
from zoo.adapters.ofa import network_config, parse_block
from zoo.errors import CatalogError, MissingPackageError, ZooError


def test_every_source_of_the_catalogue_has_an_adapter():
    for source in {card.source for card in zoo.cards()}:
        assert adapters.adapter(source).EXTRA


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("efficientnet-x-b0", "tensorflow"),
        ("efficientnet-x-b1", "keras"),
        ("efficientnet_b0", "timm"),
        ("RegNetX-200MF", "pycls"),
        ("resnest50", "resnest"),
        ("*LG-G8_lat-8ms*", "ofa"),
    ],
)
def test_a_missing_package_names_the_extra_that_installs_it(name, package, monkeypatch):
    for module in [m for m in sys.modules if m.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    card = zoo.card(name)
    told = rf"the networks of {card.source} need .*pip install 'baseline-zoo\[{card.source}\]'"
    with pytest.raises(MissingPackageError, match=told):
        zoo.load(card)


def test_an_unknown_source_is_reported():
    with pytest.raises(ZooError, match="no adapter for source 'vgg'"):
        adapters.adapter("vgg")


def test_a_source_registered_twice_is_refused(monkeypatch):
    entry = metadata.EntryPoint("regnet", "elsewhere.regnet", adapters.ENTRY_POINTS)
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry])
    with pytest.raises(ZooError, match="registered twice"):
        adapters.adapter("regnet")


def test_a_package_may_add_a_source(monkeypatch):
    entry = metadata.EntryPoint("mine", "zoo.adapters.regnet", adapters.ENTRY_POINTS)
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry])
    assert adapters.adapter("mine").EXTRA == "regnet"


def test_a_block_reads_as_its_words_say():
    block = parse_block("k5 s2 e4 c40 hs se", 24)
    assert block["shortcut"] is None
    assert block["conv"] | {"name": None} == {
        "name": None,
        "in_channels": 24,
        "out_channels": 40,
        "kernel_size": 5,
        "stride": 2,
        "expand_ratio": 4,
        "mid_channels": 96,
        "act_func": "h_swish",
        "use_se": True,
    }


@pytest.mark.parametrize("text", ["", "k3 s1 e1 c8", "k3 s1 e1 c8 gelu", "kx s1 e1 c8 re", "k3 s1 e1 c8 re skp"])
def test_a_block_that_cannot_be_read_is_quoted(text):
    with pytest.raises(CatalogError, match="cannot read the block"):
        parse_block(text, 8)


def test_channels_run_through_the_blocks():
    config = network_config(zoo.card("*LG-G8_lat-8ms*").architecture, 1000)
    widths = [(block["conv"]["in_channels"], block["conv"]["out_channels"]) for block in config["blocks"]]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(widths))
    assert config["final_expand_layer"]["in_channels"] == widths[-1][1]
