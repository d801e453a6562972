"""User networks as their authors write them: what they take, what they return, and what is said about it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from zoo.own import card
from zoo.own_model import OwnModel, OwnModelError
from zoo.probe import images

SIZE = 16


def classifier(channels: int = 3) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(channels, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 5)
    )


class Around(torch.nn.Module):
    """A classifier with something before and after it."""

    def __init__(self, before=lambda x: x, after=lambda y: y, network=None):
        super().__init__()
        self.network = network or classifier()
        self.before, self.after = before, after

    def forward(self, images):
        return self.after(self.network(self.before(images)))


@dataclasses.dataclass
class Output:
    loss: object
    logits: torch.Tensor


class TwoInputs(torch.nn.Module):
    def forward(self, images, mask):
        return images.mean((2, 3)) * mask


class ExtraState(Around):
    def get_extra_state(self):
        return {"version": 3}

    def set_extra_state(self, state):
        pass


class AlwaysTraining(torch.nn.BatchNorm2d):
    def train(self, mode=True):
        return super().train(True)


def own(network: torch.nn.Module, batch: int = 1, resolution: int = SIZE) -> OwnModel:
    model = OwnModel(card("nets:build", resolution), network)
    model.fit(batch)
    return model


def test_one_tensor_is_taken_without_a_note():
    model = own(classifier())
    assert model.notes == ()
    assert model.deployable() is model.module
    assert model.logits(images(SIZE)).shape == (2, 5)


@pytest.mark.parametrize(
    ("after", "text"),
    [
        (lambda y: (y, y.softmax(1)), "[0] of the tuple"),
        (lambda y: {"logits": y}, "['logits'] of the dict"),
        (lambda y: Output(None, y), ".logits of the Output"),
    ],
)
def test_of_several_outputs_the_logits_are_taken_and_named(after, text):
    model = own(Around(after=after))
    assert model.notes == (f"the measured output is {text} that the network returns",)
    np.testing.assert_array_equal(model.logits(images(SIZE)), own(classifier()).logits(images(SIZE)))


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (lambda y: "cat", "a str without a tensor"),
        (lambda y: y.tolist(), "a list without a tensor"),
        (lambda y: {"out": y.sum()}, r"a dict of the tensors \['out'\] \(\)"),
        (lambda y: y.to(torch.complex64), r"a Tensor of the tensors  \(1, 5\)"),
    ],
)
def test_without_logits_a_sentence_says_what_to_return(after, found):
    with pytest.raises(OwnModelError, match=rf"nets:build returns {found}.*return the tensor to measure alone"):
        own(Around(after=after))


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        (torch.float16, "in float16: its graph is made in float32, which holds its weights exactly"),
        (torch.bfloat16, "in bfloat16: its graph is made in float32, which holds its weights exactly"),
        (torch.float64, "in float64: its graph is made in float32, to which its weights are rounded"),
    ],
)
def test_a_network_of_another_floating_type_becomes_one_of_float32(dtype, text):
    network = classifier().to(dtype)
    kept = {name: tensor.to(torch.float32, copy=True) for name, tensor in network.state_dict().items()}
    model = own(network)
    assert [text in note for note in model.notes] == [True]
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.module.state_dict().items())
    assert {tensor.dtype for tensor in model.module.parameters()} == {torch.float32}


def test_a_network_that_rounds_its_input_itself_stays_as_it_is():
    model = own(Around(before=lambda x: x.half(), after=lambda y: y.float(), network=classifier().half()))
    assert model.notes == ()
    assert {tensor.dtype for tensor in model.module.parameters()} == {torch.float16}


@pytest.mark.parametrize(
    ("network", "batch", "advice"),
    [
        (classifier(1), 1, r"it takes images of one channel: return a module .* images.mean\(1, keepdim=True\)"),
        (classifier(1).half(), 1, "it takes images of one channel"),
        (Around(before=lambda x: x.half(), network=classifier(1).half()), 1, "it takes images of one channel"),
        (Around(before=lambda x: x.bfloat16(), network=classifier(4).bfloat16()), 1, "it takes images of 4 channels"),
        (
            torch.nn.Sequential(
                classifier()[0].half(), torch.nn.Upsample(scale_factor=0.5), Around(lambda x: x.half())
            ),
            1,
            r"it has weights in float16 and changes types inside: return it in float32",
        ),
        (classifier(4), 1, "it takes images of 4 channels"),
        (TwoInputs(), 1, r"its forward takes 2 inputs \(images, mask\): return a module that takes images alone"),
        (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 5)), 1, "--resolution 32"),
        (Around(before=lambda x: x.permute(0, 3, 1, 2)), 1, r"it takes images \(N, R, R, 3\)"),
        (Around(after=lambda y: y.view(1, 5)), 3, "it takes 1 image at a time: --batch 1"),
        (Around(after=lambda y: y.view(8, 5)), 1, "it takes 8 images at a time: --batch 8"),
        (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Embedding(256, 4)), 1, "it takes integers"),
        (Around(before=lambda x: x / None), 1, r"return a module whose forward takes one float32 tensor of images"),
        (
            torch.nn.Sequential(classifier()[0], torch.nn.AdaptiveAvgPool2d(1), AlwaysTraining(4)),
            1,
            r"batch statistics are in use in 1 layer \(2\).*call .eval\(\)",
        ),
    ],
)
def test_a_network_that_does_not_take_images_says_what_it_takes(network, batch, advice):
    with pytest.raises(OwnModelError, match=rf"does not take images \({batch}, 3, {SIZE}, {SIZE}\).*{advice}"):
        own(network, batch)


def test_memory_that_runs_out_is_no_question_of_the_input():
    def fail(images):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    with pytest.raises(RuntimeError, match="can't allocate memory"):
        own(Around(before=fail))


def test_the_nearest_size_that_a_network_takes_is_recommended():
    with pytest.raises(OwnModelError, match="it takes images of 96 px: --resolution 96"):
        own(Around(before=lambda x: x.view(-1, 3, 96, 96)), resolution=100)
    with pytest.raises(OwnModelError, match="--resolution 192"):
        own(torch.nn.Sequential(classifier()[0], torch.nn.MaxPool2d(180), torch.nn.Flatten()), resolution=180)


def test_batch_statistics_in_use_are_reported_with_their_layers():
    norms = torch.nn.BatchNorm2d(4, track_running_stats=False), AlwaysTraining(4), torch.nn.BatchNorm2d(4)
    network = classifier()
    model = own(torch.nn.Sequential(network[0], *norms, *network[1:]))
    assert len(model.notes) == 1
    assert "in 2 layers (1, 2)" in model.notes[0]


def test_weights_on_no_device_are_refused():
    with pytest.raises(OwnModelError, match="on the meta device: load them in the function"):
        own(classifier().to("meta"))


def with_norm(norm) -> torch.nn.Module:
    network = classifier()
    network[0] = norm(network[0])
    return network


@pytest.mark.parametrize(
    "network",
    [
        with_norm(torch.nn.utils.weight_norm),
        with_norm(torch.nn.utils.parametrizations.weight_norm),
        with_norm(torch.nn.utils.spectral_norm),
        with_norm(torch.nn.utils.parametrizations.spectral_norm),
        ExtraState(),
        Around(before=lambda x: x - torch.ones(1, 3, 1, 1)),
        Around(after=lambda y: y / torch.tensor(2.0).item()),
        torch.nn.Sequential(torch.nn.LazyConv2d(4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()),
        torch.jit.script(classifier()),
        torch.compile(classifier()),
        torch.nn.DataParallel(classifier()),
        torch.ao.quantization.quantize_dynamic(
            torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIZE * SIZE, 5)), {torch.nn.Linear}
        ),
    ],
    ids=lambda network: type(network).__name__,
)
def test_whatever_its_state_is_made_of_a_network_runs_and_has_a_digest(network):
    model = own(network)
    assert np.isfinite(model.logits(images(SIZE))).all()
    assert model.weights_sha256() == model.weights_sha256()
    assert not any(parameter.requires_grad for parameter in model.module.parameters())
    assert model.count_parameters() >= 0


def test_a_network_can_be_fitted_again_for_another_batch():
    model = own(Around(after=lambda y: {"logits": y}))
    model.fit(3)
    assert len(model.notes) == 1
    assert model.logits(images(SIZE, 3)).shape == (3, 5)
