"""Checkpoint files of PyTorch: every container, and nothing in them executed."""

from __future__ import annotations

import argparse
import dataclasses
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import zoo
from zoo.errors import WeightsError
from zoo.torch_checkpoint import read_state_dict

CARD = zoo.card("regnet/RegNetX-200MF")
STATE = {"conv.weight": torch.arange(6.0).reshape(2, 3), "bn.num_batches_tracked": torch.tensor(3)}


def card_of(container="plain", **facts):
    return dataclasses.replace(CARD, checkpoint=dataclasses.replace(CARD.checkpoint, container=container, **facts))


def assert_is_the_state(found):
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize(
    ("container", "content"),
    [
        ("plain", STATE),
        ("plain", OrderedDict(STATE)),
        ("plain", {f"module.{name}": tensor for name, tensor in STATE.items()}),
        ("model_state", {"epoch": 100, "model_state": STATE, "optimizer_state": {"lr": 0.1}, "cfg": "MODEL: {}"}),
        ("model_ema|state_dict", {"model_ema": STATE, "state_dict": {"conv.weight": torch.zeros(1)}}),
        ("model_ema|state_dict", {"model_ema": None, "state_dict": STATE}),
        ("state_dict", STATE),
    ],
)
def test_containers_are_opened_in_both_formats(container, content, new_format, tmp_path):
    path = tmp_path / "model.pth"
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    assert_is_the_state(read_state_dict(path, card_of(container)))


@pytest.mark.parametrize("name", ["model.safetensors", "model.bin"])
def test_safetensors_are_known_by_their_content(name, tmp_path):
    save_file(STATE, tmp_path / name)
    assert_is_the_state(read_state_dict(tmp_path / name, card_of()))


def test_a_training_codes_own_objects_are_inert(tmp_path):
    path = tmp_path / "model.pth.tar"
    arguments = argparse.Namespace(model="gpunet", lr=0.1, nested={"betas": (0.9, 0.99)})
    torch.save({"args": arguments, "state_dict_ema": STATE}, path)
    facts = {"training_classes": ("argparse.Namespace",)}
    assert_is_the_state(read_state_dict(path, card_of("state_dict_ema", **facts)))
    with pytest.raises(WeightsError, match=r"contains argparse.Namespace, which is not data"):
        read_state_dict(path, card_of("state_dict_ema"))


class Exploit:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


class Shell:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture(params=["exploit", "shell"])
def evil(request, tmp_path):
    """An object that makes the folder `executed` when it is unpickled, and a test that it did not."""
    target = tmp_path / "executed"
    yield Exploit(str(target)) if request.param == "exploit" else Shell(f"mkdir {target}")
    assert not target.exists()


def test_the_exploits_work_where_nobody_is_careful(tmp_path):
    """Otherwise the tests below would prove nothing."""
    pickle.loads(pickle.dumps(Exploit(str(tmp_path / "a"))))
    pickle.loads(pickle.dumps(Shell(f"mkdir {tmp_path / 'b'}")))
    assert (tmp_path / "a").is_dir()
    assert (tmp_path / "b").is_dir()


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize(
    "wrap", [lambda e: e, lambda e: {"model_state": e}, lambda e: {"model_state": STATE, "cfg": e}]
)
def test_a_malicious_checkpoint_does_nothing_and_says_so(wrap, new_format, evil, tmp_path):
    path = tmp_path / "evil.pth"
    torch.save(wrap(evil), path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(
        WeightsError,
        match=r"evil.pth cannot be opened .*it contains (posix|nt)\.\w+, which is not data: .*nothing in it was",
    ):
        read_state_dict(path, card_of("model_state"))


def test_a_malicious_class_is_not_let_in_by_the_release_s_own(evil, tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"args": evil, "state_dict": STATE}, path)
    with pytest.raises(WeightsError, match="nothing in it was executed"):
        read_state_dict(path, card_of("state_dict", training_classes=("argparse.Namespace",)))


def test_a_bare_pickle_is_not_a_checkpoint(evil, tmp_path):
    path = tmp_path / "evil.pth"
    for protocol in (0, 2, 4):
        path.write_bytes(pickle.dumps({"model_state": evil}, protocol=protocol))
        with pytest.raises(WeightsError, match=r"evil\.pth"):
            read_state_dict(path, card_of("model_state"))


def test_a_bomb_in_a_checkpoint_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, protocol=2))
        archive.writestr("archive/data/0", bytes(200 << 20))
    with pytest.raises(WeightsError, match=r"bomb\.pth is refused.*a decompression bomb"):
        read_state_dict(path, card_of())


def test_a_pickle_that_is_more_than_names_and_shapes_is_refused(tmp_path):
    path = tmp_path / "large.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02]" + b"]a" * (9 << 20) + b".")
    with pytest.raises(WeightsError, match=r"a pickle of 18874372 bytes, 'archive/data\.pkl'"):
        read_state_dict(path, card_of())


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><title>Quota exceeded</title>", "an HTML page"),
        (b'{"message": "Not Found"}', "a JSON document"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer"),
        (b"PK\x03\x04 truncated", "a truncated ZIP file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "an HDF5 file"),
    ],
)
def test_what_is_not_a_checkpoint_is_reported_with_the_next_step(content, what, tmp_path):
    path = tmp_path / "page.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as raised:
        read_state_dict(path, CARD)
    assert str(raised.value).startswith(f"{path} is {what}")
    assert f"not a checkpoint of {CARD.name}; fetch it again (python -m zoo fetch {CARD.name})" in str(raised.value)


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_checkpoint_is_reported(share, new_format, tmp_path):
    path = tmp_path / "half.pth"
    torch.save({"weight": torch.arange(10_000.0)}, path, _use_new_zipfile_serialization=new_format)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WeightsError, match=r"half\.pth (is|cannot be opened).*truncated"):
        read_state_dict(path, CARD)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.eye(3).to_sparse(),
        torch.zeros(2, device="meta"),
        torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
    ],
)
def test_only_dense_tensors_are_taken(tensor, tmp_path):
    path = tmp_path / "odd.pth"
    torch.save({"weight": tensor}, path)
    with pytest.raises(WeightsError, match="no state dict of tensors"):
        read_state_dict(path, card_of())


def test_tensors_twice_are_refused(tmp_path):
    path = tmp_path / "twice.pth"
    torch.save({"weight": torch.zeros(1), "module.weight": torch.ones(1)}, path)
    with pytest.raises(WeightsError, match="tensors occur twice"):
        read_state_dict(path, card_of())


@pytest.mark.parametrize(
    ("content", "entry"),
    [
        ({"checkpoint": {"model": {"state_dict": STATE}}, "epoch": 3}, "checkpoint/model/state_dict"),
        ({"model_ema": {"module": STATE, "decay": 0.999}}, "model_ema/module"),
        ({"net": STATE, "optimizer": {"state": {0: {"step": torch.zeros(1)}}}, "scaler": {"scale": 2.0}}, "net"),
        ({"net": STATE, "optimizer_state": {"momentum": torch.zeros(1)}}, "net"),
        (STATE, ""),
    ],
)
def test_the_only_state_dict_of_a_file_is_found_wherever_it_is(content, entry, tmp_path):
    path = tmp_path / "nested.pth"
    torch.save(content, path)
    found = read_state_dict(path, card_of())
    assert_is_the_state(found)
    assert (found.entry, found.other_entries) == (entry, ())


def test_of_several_state_dicts_the_release_s_own_entry_is_taken_and_the_others_are_named(tmp_path):
    path = tmp_path / "both.pth"
    torch.save({"model": {"weight": torch.zeros(7)}, "ema": STATE}, path)
    found = read_state_dict(path, card_of("ema|model"))
    assert_is_the_state(found)
    assert (found.entry, found.other_entries) == ("ema", ("model",))


def test_of_several_state_dicts_none_is_guessed(tmp_path):
    path = tmp_path / "both.pth"
    torch.save({"model": STATE, "ema": {"module": STATE}}, path)
    with pytest.raises(
        WeightsError, match=r"holds 2 state dicts \(model, ema/module\); .*torch.load\(FILE\)\['ema'\]\['module'\]"
    ):
        read_state_dict(path, card_of())


def test_a_torchscript_archive_is_code(tmp_path):
    path = tmp_path / "scripted.pt"
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(path)
    with pytest.raises(WeightsError, match=r"is a TorchScript archive, which is code: .*state_dict\(\)"):
        read_state_dict(path, card_of())


def test_a_model_without_a_released_checkpoint_has_another_next_step(tmp_path):
    card = zoo.card("efficientnet_x/efficientnet-x-b0")
    (tmp_path / "page.pth").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match="give a file from a training of this model"):
        read_state_dict(tmp_path / "page.pth", card)


def test_numbers_of_half_precision_load_as_they_are(tmp_path):
    model = zoo.load(CARD)
    path = tmp_path / "half.pth"
    torch.save(
        {"model_state": {n: t.half() if t.is_floating_point() else t for n, t in model.module.state_dict().items()}},
        path,
    )
    loaded = zoo.load(CARD, path)
    name = "head.fc.weight"
    np.testing.assert_array_equal(
        loaded.parameters()[name], model.parameters()[name].astype(np.float16).astype(np.float32)
    )
    assert loaded.weights == "file"
