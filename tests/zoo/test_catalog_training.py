"""Training in the cards, compared with what each release's scripts and pages state (EfficientNet: test of its own)."""

from __future__ import annotations

import collections

import pytest

import zoo
from tests.fakes.catalog import MINIMAL_TOML
from zoo.card import Training
from zoo.catalog.reader import read_cards
from zoo.errors import CatalogError

SOURCES = ("gpunet", "fbnet", "efficientnet_x", "regnet", "alphanet", "resnest", "lanet", "ofa")
CARDS = zoo.cards(",".join(SOURCES))

MODEL = MINIMAL_TOML.replace('training = { data = "ImageNet-1k", stated_in = "README" }\n', "").replace(
    "[models.one]",
    '[shared.training]\ndata = "ImageNet-1k"\nepochs = 100\nstated_in = "README"\n[models.one]',
)
"""The model's training as facts that all models of the source share."""


def training_of(source):
    return {card.variant: card.training for card in zoo.cards(source)}


@pytest.mark.parametrize("source", SOURCES)
def test_every_card_states_its_data_and_where_they_are_stated(source):
    for card in zoo.cards(source):
        assert card.training.data in ("ImageNet-1k", "CIFAR-10"), card.name
        # A source names a file of a repository, which has a suffix.
        assert any(suffix in card.training.stated_in for suffix in (".md", ".py", ".json", ".rst")), card.name


def test_three_cards_saw_other_data_than_imagenet_1k_alone():
    others = {card.name: card.training.all_data for card in CARDS if card.training.all_data != "ImageNet-1k"}
    assert others == {
        "gpunet/GPUNet-D1": "ImageNet-1k + JFT-300M (unlabelled), through the teacher",
        "gpunet/GPUNet-D2": "ImageNet-1k + JFT-300M (unlabelled), through the teacher",
        "lanet/LaNet_CIFAR10_128": "CIFAR-10",
    }


def test_the_cards_with_a_teacher_are_those_of_three_releases():
    counts = collections.Counter(card.source for card in CARDS if card.training.teacher)
    assert counts == {"gpunet": 4, "alphanet": 8, "ofa": 24}


def test_gpunet_follows_the_commands_of_its_release():
    """train_params/*.train.params: --epochs, --img-size, --teacher."""
    facts = {name: (made.epochs, made.resolution_px, made.teacher) for name, made in training_of("gpunet").items()}
    assert facts == {
        "GPUNet-0": (450, 320, ""),
        "GPUNet-1": (450, 288, ""),
        "GPUNet-2": (450, 384, ""),
        "GPUNet-P0": (450, 224, "tf_efficientnet_b2 (timm 0.5.4)"),
        "GPUNet-P1": (450, 224, "tf_efficientnet_b2 (timm 0.5.4)"),
        "GPUNet-D1": (450, 456, "tf_efficientnet_b5_ns (timm 0.5.4)"),
        "GPUNet-D2": (450, 528, "tf_efficientnet_b6_ns (timm 0.5.4)"),
    }


def test_a_noisy_student_as_the_teacher_brings_its_data_with_their_source():
    for card in CARDS:
        noisy = "_ns" in card.training.teacher
        assert bool(card.training.teacher_extra_data) == noisy, card.name
        assert ("noisy-student" in card.training.stated_in) == noisy, card.name


def test_ofa_has_a_teacher_where_the_training_script_trains_the_supernet():
    """train_ofa_net.py: MobileNetV3 of width 1.0 alone, whose stem has 16 channels."""
    for card in zoo.cards("ofa"):
        trained = (card.architecture["family"], card.architecture["stem_width"]) == ("MobileNetV3", 16)
        assert bool(card.training.teacher) == trained, card.name


def test_the_epochs_of_a_fine_tuning_are_not_stated_as_those_of_the_whole_training():
    assert all("finetune-" in name and made.epochs is None for name, made in training_of("ofa").items())


def test_regnet_trains_every_network_alike():
    assert set(training_of("regnet").values()) == {
        Training(
            data="ImageNet-1k",
            epochs=100,
            resolution_px=224,
            stated_in="MODEL_ZOO.md (Experimental Settings, Training Settings); configs OPTIM.MAX_EPOCH, TRAIN.IM_SIZE",
        )
    }


def test_resnest_states_epochs_for_the_four_networks_of_its_table():
    stated = {n: (made.epochs, made.resolution_px) for n, made in training_of("resnest").items() if made.epochs}
    assert stated == {
        "resnest50": (270, 224),
        "resnest101": (270, None),
        "resnest200": (270, 256),
        "resnest269": (270, 320),
    }


@pytest.mark.parametrize(("source", "epochs"), [("alphanet", 360), ("lanet", 1500), ("fbnet", None)])
def test_epochs_of_a_source_are_those_of_all_its_models(source, epochs):
    assert {made.epochs for made in training_of(source).values()} == {epochs}


def test_weights_that_do_not_exist_have_no_epochs():
    """EfficientNet-X: the script states what it trains on, and nothing was released that it trained."""
    for made in training_of("efficientnet_x").values():
        assert (made.epochs, made.resolution_px, made.teacher) == (None, None, "")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "ImageNet-1k"),
        ({"teacher": "a network"}, "ImageNet-1k"),
        ({"extra_data": "JFT-300M (unlabelled)"}, "ImageNet-1k + JFT-300M (unlabelled)"),
        ({"teacher_extra_data": "JFT-300M"}, "ImageNet-1k + JFT-300M, through the teacher"),
        ({"extra_data": "A", "teacher_extra_data": "B"}, "ImageNet-1k + A + B, through the teacher"),
    ],
)
def test_all_data_are_those_of_the_weights_and_of_their_teacher(facts, expected):
    assert Training(data="ImageNet-1k", stated_in="README", **facts).all_data == expected


def test_a_models_own_training_overrides_the_shared_one_fact_by_fact():
    (card,) = read_cards("mine", MODEL + 'training = { teacher = "t", epochs = 90.5 }\n')
    assert card.training == Training(data="ImageNet-1k", stated_in="README", teacher="t", epochs=90.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MODEL.replace("[shared.training]", "[shared.other]"), r"mine/one training: .* missing keys \['data', 'stated"),
        (
            MODEL.replace('stated_in = "README"\n[models', "[models"),
            r"mine/one training: .* missing keys \['stated_in'\]",
        ),
        (MODEL.replace('data = "ImageNet-1k"\n', ""), r"mine/one training: .* missing keys \['data'\]"),
        (MODEL.replace("epochs = 100", "passes = 100"), r"mine/one training: unknown keys \['passes'\]"),
    ],
)
def test_a_training_with_missing_or_unknown_facts_is_refused_with_the_model(text, message):
    with pytest.raises(CatalogError, match=message):
        read_cards("mine", text)


def test_training_belongs_to_the_card_and_not_to_the_network():
    """Artifacts, whose keys follow the network, stay valid; the card's digest follows the training."""
    (card,) = read_cards("mine", MODEL)
    (other,) = read_cards("mine", MODEL.replace("epochs = 100", "epochs = 200"))
    assert card.network_facts() == other.network_facts()
    assert card.digest != other.digest
