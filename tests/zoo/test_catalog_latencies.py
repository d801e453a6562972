"""Published latencies in the cards, compared with what each release states, and how the catalogue writes them."""

from __future__ import annotations

import collections
import re

import pytest

import zoo
from foundation.published_latency import PublishedLatency
from tests.fakes.catalog import MINIMAL_TOML
from zoo.card import Search
from zoo.catalog.reader import read_cards
from zoo.errors import CatalogError

CARDS = zoo.cards()

SHARED = '[shared.search]\nstated_in = "README"\n[shared.latency]\ndevice = "a phone"\nbatch = 1\nstated_in = "table"\n'
MODEL = MINIMAL_TOML.replace("[models.one]", f"{SHARED}[models.one]")


def figures(source: str, device: str, runtime: str, precision: str = "") -> dict[str, float]:
    return {
        card.variant: one.latency_ms
        for card in zoo.cards(source)
        for one in card.latencies
        if (one.device, one.runtime, one.precision) == (device, runtime, precision)
    }


def test_four_releases_state_latencies() -> None:
    counts = collections.Counter(card.source for card in CARDS for _ in card.latencies)
    assert counts == {"fbnet": 6, "gpunet": 28, "ofa": 47, "regnet": 24}


def test_every_figure_says_where_it_is_stated() -> None:
    for card in CARDS:
        for one in card.latencies:
            assert one.latency_ms > 0, card.name
            assert one.device, card.name
            assert ".md" in one.stated_in, card.name


def test_gpunet_follows_the_tables_of_its_readme() -> None:
    names = ("GPUNet-0", "GPUNet-1", "GPUNet-2", "GPUNet-P0", "GPUNet-P1", "GPUNet-D1", "GPUNet-D2")
    v100 = dict(zip(names, (0.63, 0.82, 1.68, 0.63, 0.96, 1.24, 2.17), strict=True))
    a100 = dict(zip(names, (0.46, 0.59, 1.25, 0.45, 0.61, 0.94, 1.40), strict=True))
    assert figures("gpunet", "V100 (32GB)", "TensorRT 8", "FP16") == v100
    assert figures("gpunet", "A100 (80GB)", "TensorRT 8", "FP16") == a100
    assert figures("gpunet", "A100 (80GB)", "", "FP16")["GPUNet-2"] == 4.03
    assert {one.batch for card in zoo.cards("gpunet") for one in card.latencies} == {1}


def test_fbnet_has_the_figures_of_its_caffe2_models() -> None:
    assert figures("fbnet", "Samsung S8 CPU", "Caffe2 with QNNPACK", "int8") == {
        "fbnet_a": 14.1,
        "fbnet_b": 17.3,
        "fbnet_c": 21.0,
    }
    assert figures("fbnet", "Samsung S8 CPU", "Caffe2 with NNPACK", "fp32") == {
        "fbnet_a": 124.6,
        "fbnet_b": 167.7,
        "fbnet_c": 241.8,
    }


def test_regnet_has_the_times_of_64_images() -> None:
    times = figures("regnet", "Tesla V100 GPU (16GB)", "PyTorch 1.6")
    assert (times["RegNetX-200MF"], times["RegNetX-32GF"], times["RegNetY-16GF"]) == (11, 337, 208)
    assert {one.batch for card in zoo.cards("regnet") for one in card.latencies} == {64}


def test_ofa_has_the_milliseconds_and_the_batch_of_its_names() -> None:
    for card in zoo.cards("ofa"):
        ms = re.search(r"-(\d+)ms_", card.variant)
        batch = re.search(r"_gpu(\d+)-", card.variant)
        assert [one.latency_ms for one in card.latencies] == ([int(ms[1])] if ms else []), card.name
        if batch:
            assert card.latencies[0].batch == int(batch[1]), card.name


def test_networks_were_searched_for_ten_devices_by_ofa_and_for_one_by_two_others() -> None:
    targets = collections.Counter((card.source, card.search.target) for card in CARDS if card.search)
    assert targets == {
        ("fbnet", "Samsung S8 CPU"): 3,
        ("gpunet", "GV100 GPU"): 7,
        ("ofa", "1080ti GPU"): 4,
        ("ofa", "FLOPs"): 3,
        ("ofa", "Google Pixel1"): 7,
        ("ofa", "Google Pixel2"): 4,
        ("ofa", "Intel Xeon CPU"): 4,
        ("ofa", "Jetson TX2 GPU"): 4,
        ("ofa", "LG G8"): 4,
        ("ofa", "Samsung Note10"): 8,
        ("ofa", "Samsung Note8"): 4,
        ("ofa", "Samsung S7 Edge"): 4,
        ("ofa", "V100 GPU"): 4,
    }


def test_a_model_completes_what_its_source_shares() -> None:
    own = (
        'search = { target = "a phone" }\nlatencies = [{ latency_ms = 2.5 }, { latency_ms = 9, device = "a board" }]\n'
    )
    (card,) = read_cards("mine", MODEL + own)
    assert card.search == Search(target="a phone", stated_in="README")
    assert card.latencies == (
        PublishedLatency(device="a phone", latency_ms=2.5, stated_in="table", batch=1),
        PublishedLatency(device="a board", latency_ms=9, stated_in="table", batch=1),
    )


def test_what_a_source_shares_gives_no_model_a_figure() -> None:
    (card,) = read_cards("mine", MODEL)
    assert card.search is None
    assert card.latencies == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('latencies = [{ device = "x" }]\n', r"mine/one latency: .* missing keys \['latency_ms'\]"),
        ("latencies = [{ latency_ms = 1, ms = 2 }]\n", r"mine/one latency: unknown keys \['ms'\]"),
        ("search = {}\n", r"mine/one search: .* missing keys \['target'\]"),
    ],
)
def test_a_figure_with_missing_or_unknown_facts_is_refused_with_the_model(text: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        read_cards("mine", MODEL + text)


def test_latencies_belong_to_the_card_and_not_to_the_network() -> None:
    """Artifacts, whose keys follow the network, stay valid."""
    (card,) = read_cards("mine", MODEL)
    (other,) = read_cards("mine", MODEL + 'search = { target = "x" }\nlatencies = [{ latency_ms = 2.5 }]\n')
    assert card.network_facts() == other.network_facts()
    assert card.digest != other.digest
