from __future__ import annotations

import dataclasses

import pytest

import zoo
from zoo.catalog.reader import all_cards
from zoo.checkpoints import FetchError
from zoo.checkpoints.location import DRIVE, HTTPS, HUB, locate

PUBLISHED = [card for card in all_cards().values() if card.checkpoint.url]


@pytest.mark.parametrize(
    ("model", "kind", "path"),
    [
        (
            "regnet/RegNetX-200MF",
            HTTPS,
            "dl.fbaipublicfiles.com/pycls/dds_baselines/160905981/RegNetX-200MF_dds_8gpu.pyth",
        ),
        (
            "gpunet/GPUNet-0",
            HTTPS,
            "api.ngc.nvidia.com/v2/models/nvidia/dle/gpunet_0_pyt_ckpt/versions/21.12.0_amp/zip",
        ),
        ("alphanet/a0", DRIVE, "drive.google.com/1CyZoPyiCoGJ0qv8bqi7s7TQRUum_8FeG/alphanet_pretrained.pth.tar"),
        ("lanet/LaNet_CIFAR10_128", DRIVE, "drive.google.com/1bZsEoG-sroVyYR4F_2ozGLA5W50CT84P/lanas_128_99.03"),
        (
            "efficientnet/efficientnet_b1",
            HUB,
            "huggingface.co/timm/efficientnet_b1.ra4_e3600_r240_in1k/model.safetensors",
        ),
    ],
)
def test_where_files_lie(model, kind, path):
    found = locate(zoo.card(model))
    assert (found.kind, str(found.path)) == (kind, path)


def test_what_gdown_and_the_hub_are_asked_for():
    assert locate(zoo.card("alphanet/a0")).identifier == "1CyZoPyiCoGJ0qv8bqi7s7TQRUum_8FeG"
    assert locate(zoo.card("efficientnet_b1")).identifier == "timm/efficientnet_b1.ra4_e3600_r240_in1k"


def test_every_published_url_has_a_place_of_its_own():
    places = {}
    for card in PUBLISHED:
        places.setdefault(locate(card).path, set()).add(card.checkpoint.url)
    assert len(PUBLISHED) == 164
    assert all(len(urls) == 1 for urls in places.values())


@pytest.fixture
def at():
    def make(url):
        card = zoo.card("regnet/RegNetX-200MF")
        return dataclasses.replace(card, checkpoint=dataclasses.replace(card.checkpoint, url=url))

    return make


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://h/../../etc/passwd", "h/_/_/etc/passwd"),
        ("https://h/a/%2e%2e/%2Fetc", "h/a/_/_etc"),
        ("https://h:8080//a%00b/c:d", "h_8080/a_b/c_d"),
        ("https://user:secret@h/a?download=1&x=..%2F", "h/a_download=1&x=..%252F"),
        ("https://huggingface.co/timm/a/resolve/main/pytorch_model.bin", None),
    ],
)
def test_paths_stay_below_their_folder(at, url, path):
    found = locate(at(url))
    assert found.kind == HTTPS
    assert str(found.path) == (path or url.removeprefix("https://"))


@pytest.mark.parametrize("url", ["ftp://h/a", "h/a", "https:///a", "https://h", "https://h/", "https://[h/a"])
def test_what_is_not_a_url_of_a_file(at, url):
    with pytest.raises(FetchError, match=r"regnet/RegNetX-200MF.*fix the card"):
        locate(at(url))
