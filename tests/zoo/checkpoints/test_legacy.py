"""Files of PyTorch's old format, written by PyTorch itself."""

from __future__ import annotations

import argparse
import io

import pytest
import torch

from zoo.checkpoints.legacy import LARGEST_PICKLES_BYTES, MAGIC, LargePicklesError, is_cut

DTYPES = [
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
]


def written(content):
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def is_cut_after(path, data, size):
    path.write_bytes(data[:size])
    return is_cut(path)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_type_of_tensor(tmp_path, dtype):
    data = written({"a": torch.ones(33).to(dtype), "b": torch.ones(5).to(dtype)})
    assert data.startswith(MAGIC)
    assert not is_cut_after(tmp_path / "a.pth", data, len(data))
    assert is_cut_after(tmp_path / "a.pth", data, len(data) - 1)


@pytest.fixture(scope="module")
def training():
    """A checkpoint as a training writes it: views, shared storages, an optimiser's state, options."""
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 4))
    optimiser = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    module[2](torch.ones(1, 8)).sum().backward()
    optimiser.step()
    shared = torch.randn(100)
    content = {
        "epoch": 3,
        "model": "gpunet",
        "args": argparse.Namespace(lr=0.1),
        "model_state": module.state_dict(),
        "optimizer_state": optimiser.state_dict(),
        "views": [shared, shared[10:20], shared.view(10, 10).t()],
        "empty": torch.empty(0),
    }
    return written(content)


def test_what_a_training_writes(tmp_path, training):
    assert not is_cut_after(tmp_path / "a.pth", training, len(training))
    assert not is_cut_after(tmp_path / "a.pth", training + b"what follows is nobody's", len(training) + 10)


def test_every_cut_is_seen(tmp_path, training):
    sizes = range(len(MAGIC), len(training), 37)
    assert all(is_cut_after(tmp_path / "a.pth", training, size) for size in sizes)


def test_a_storage_of_an_unknown_class_is_let_pass(tmp_path):
    data = written({"a": torch.ones(33)}).replace(b"FloatStorage", b"NovelStorage")
    assert not is_cut_after(tmp_path / "a.pth", data, len(data) - 1)


def test_a_storage_of_absurd_size_is_a_cut_file(tmp_path):
    data = written({"a": torch.ones(33)})
    assert is_cut_after(tmp_path / "a.pth", data.replace((33).to_bytes(8, "little"), b"\xff" * 8), len(data))


def test_pickles_without_end_are_not_read(tmp_path):
    # A protocol, a text that is kept, and then that text again and again.
    path = tmp_path / "a.pth"
    path.write_bytes(
        MAGIC + b"\x80\x02" + b"X\x04\x00\x00\x00name" + b"X\xff\xff\xff\x7f" + bytes(LARGEST_PICKLES_BYTES)
    )
    with pytest.raises(LargePicklesError):
        is_cut(path)
    path.write_bytes(MAGIC + b"\x80\x02" + b"X\xff\xff\xff\x7f" + b"x" * 100)
    assert is_cut(path)
