from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import zoo
from tests.fakes.preprocessing import SQUASH_TOML
from zoo.own_preprocessing import (
    assumed_preprocessing,
    is_assumed,
    same_steps,
    stated_preprocessing,
    written_preprocessing,
)
from zoo.preprocessing import PreprocessingError


def test_a_file_states_what_a_card_states(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(SQUASH_TOML)
    found = stated_preprocessing(str(path))
    assert (found.rule, found.crop_px, found.channel_order, found.std) == ("squash", 16, "BGR", (0.25, 0.25, 0.25))
    assert not is_assumed(found)


def test_where_the_file_lies_changes_nothing(tmp_path):
    """It is written into artifacts, whose digest identifies them."""
    for name in ("here.toml", "there.toml"):
        (tmp_path / name).write_text(SQUASH_TOML)
    assert stated_preprocessing(str(tmp_path / "here.toml")) == stated_preprocessing(str(tmp_path / "there.toml"))


def test_a_model_of_the_zoo_lends_its_own():
    assert stated_preprocessing("resnest50") == zoo.card("resnest/resnest50").preprocessing


def test_what_nobody_stated_is_assumed():
    assumed = assumed_preprocessing(16)
    assert is_assumed(assumed)
    stated = dataclasses.replace(assumed, stated_in="stated by the user")
    assert not is_assumed(stated)
    assert same_steps(assumed, stated)
    assert not same_steps(assumed, dataclasses.replace(assumed, resize_px=20))


@pytest.mark.parametrize(
    ("text", "content", "message"),
    [
        ("gone.toml", None, "No such file"),
        ("own.toml", 'rule = "squash"\n', "missing keys"),
        ("own.toml", SQUASH_TOML + "size = 3\n", "unknown keys ['size']"),
        ("own.toml", "rule = ", "Give the name of a model"),
        ("own.toml", SQUASH_TOML.replace("0.5", "127.5"), "divide that of 0..255 by 255"),
        ("own.toml", SQUASH_TOML.replace("[", "{a = [").replace("]", "]}"), "three numbers"),
        ("resnest51", None, "nearest: resnest/resnest50"),
        ("resnest", None, "selects 11 models"),
    ],
)
def test_an_invalid_preprocessing_is_refused(text, content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(text).write_text(content)
    with pytest.raises(PreprocessingError) as raised:
        stated_preprocessing(text)
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"{text}: ")


def test_what_an_artifact_contains_is_read_back():
    for preprocessing in (assumed_preprocessing(16), zoo.card("lanet/LaNet_CIFAR10_128").preprocessing):
        assert written_preprocessing(json.dumps(dataclasses.asdict(preprocessing))) == preprocessing


@pytest.mark.parametrize("text", ["no JSON", "[1]", "{}", '{"rule": "squash", "size": 3}'])
def test_something_else_in_its_place_is_an_error(text):
    with pytest.raises(PreprocessingError, match="does not contain a preprocessing"):
        written_preprocessing(text)
