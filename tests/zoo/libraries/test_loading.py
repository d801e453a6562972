"""Networks of timm and torchvision with the probe's weights, with released ones that a test serves, and with files."""

from __future__ import annotations

import dataclasses
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import zoo
from tests.fakes.release_server import ReleaseServer
from zoo import probe
from zoo.checkpoints import FetchedCheckpoint, FetchError, FetchSettings, fetch
from zoo.errors import WeightsError

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
safetensors = pytest.importorskip("safetensors.torch")

VIT = "test_vit.r160_in1k"


def seeded(network, seed: int = 5):
    """The network with other weights than it was built with, all of them finite."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and "running_var" not in name:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.05)
    return network.eval()


def logits(network, images) -> np.ndarray:
    with torch.inference_mode():
        return network(torch.from_numpy(images)).numpy()


def test_the_probes_weights_are_the_projects_and_the_same_every_time() -> None:
    first, second = (zoo.load("timm/test_vit") for _ in range(2))
    assert first.weights == "probe"
    assert first.weights_sha256() == second.weights_sha256()
    head = first.module.state_dict()["head.weight"]
    assert torch.equal(head, torch.from_numpy(probe.tensor("head.weight", tuple(head.shape))))
    images = probe.images(160)
    assert np.array_equal(first.logits(images), second.logits(images))
    assert first.logits(images).shape == (2, 1000)


def test_building_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    zoo.load("timm/test_vit")
    assert torch.equal(torch.rand(2), expected)


def test_released_weights_of_timm_come_from_the_hub(
    put_on_hub: Callable[[str, bytes], None], settings: FetchSettings
) -> None:
    network = seeded(timm.create_model("test_vit"))
    put_on_hub(f"timm/{VIT}", safetensors.save(network.state_dict()))
    native = zoo.load("timm/test_vit", "released", settings=settings)
    assert native.weights == "released"
    assert native.checkpoint["url"] == f"https://huggingface.co/timm/{VIT}"
    images = probe.images(160)
    assert np.array_equal(native.logits(images), logits(network, images))
    assert not hasattr(native.module, "pretrained_cfg")


def test_what_timm_changed_since_the_release_is_changed_by_timm(
    put_on_hub: Callable[[str, bytes], None], settings: FetchSettings, tmp_path: Path
) -> None:
    """Positions of a smaller image, which timm interpolates when it loads them."""
    data = safetensors.save(seeded(timm.create_model("test_vit", img_size=128)).state_dict())
    put_on_hub(f"timm/{VIT}", data)
    (file := tmp_path / "model.safetensors").write_bytes(data)
    expected = timm.create_model("test_vit", pretrained=True, pretrained_cfg_overlay={"file": str(file)}).eval()
    native = zoo.load(f"timm/{VIT}", "released", settings=settings)
    images = probe.images(160)
    assert np.array_equal(native.logits(images), logits(expected, images))


def test_weights_of_another_network_are_refused(
    put_on_hub: Callable[[str, bytes], None], settings: FetchSettings
) -> None:
    put_on_hub(f"timm/{VIT}", safetensors.save(timm.create_model("test_resnet").state_dict()))
    with pytest.raises(WeightsError, match=r"does not fit timm/test_vit.*python -m zoo fetch timm/test_vit"):
        zoo.load("timm/test_vit", "released", settings=settings)


class Executed:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_nothing_in_a_file_is_executed(
    put_on_hub: Callable[[str, bytes], None], settings: FetchSettings, tmp_path: Path
) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Executed(tmp_path / "executed"), protocol=2))
        file.writestr("archive/version", "3\n")
    put_on_hub(f"timm/{VIT}", archive.getvalue())
    with pytest.raises((WeightsError, FetchError)):
        zoo.load("timm/test_vit", "released", settings=settings)
    assert not (tmp_path / "executed").exists()


def test_a_users_file_is_loaded_strictly(tmp_path: Path) -> None:
    network = seeded(timm.create_model("test_vit"))
    torch.save(network.state_dict(), tmp_path / "mine.pt")
    native = zoo.load("timm/test_vit", tmp_path / "mine.pt")
    images = probe.images(160)
    assert native.weights == "file"
    assert np.array_equal(native.logits(images), logits(network, images))
    with pytest.raises(WeightsError, match="does not fit timm/test_vit2"):
        zoo.load("timm/test_vit2", tmp_path / "mine.pt")


def served(name: str, network, server: ReleaseServer, settings: FetchSettings) -> FetchedCheckpoint:
    """A network's state as torchvision's server keeps it, fetched; the digest in the file's name is another file's."""
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    card = zoo.card(name)
    card = dataclasses.replace(card, checkpoint=dataclasses.replace(card.checkpoint, sha256_prefix=""))
    server.files[f"/{card.checkpoint.url.removeprefix('https://')}"] = buffer.getvalue()
    return fetch(card, dataclasses.replace(settings, mirror=server.address))


def test_released_weights_of_torchvision_come_from_its_server(server: ReleaseServer, settings: FetchSettings) -> None:
    network = seeded(torchvision.models.squeezenet1_1())
    native = zoo.load("torchvision/squeezenet1_1", served("torchvision/squeezenet1_1", network, server, settings))
    images = probe.images(224)
    assert native.weights == "released"
    assert np.array_equal(native.logits(images), logits(network, images))
    assert "get_state_dict" not in vars(torchvision.models.SqueezeNet1_1_Weights.DEFAULT)


def test_a_file_without_the_digest_in_its_name_is_refused(server: ReleaseServer, settings: FetchSettings) -> None:
    card = zoo.card("torchvision/squeezenet1_1")
    buffer = io.BytesIO()
    torch.save(torchvision.models.squeezenet1_1().state_dict(), buffer)
    server.files[f"/{card.checkpoint.url.removeprefix('https://')}"] = buffer.getvalue()
    with pytest.raises(FetchError, match=card.checkpoint.sha256_prefix):
        fetch(card, dataclasses.replace(settings, mirror=server.address))


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_a_network_is_the_same_with_the_probe_as_with_released_weights(name: str, tmp_path: Path) -> None:
    """These two lose heads, or gain a step before the first layer, when their function loads weights."""
    published = getattr(torchvision.models, name)(init_weights=False, aux_logits=True)
    torch.save(published.state_dict(), tmp_path / "released.pth")
    fetched = FetchedCheckpoint(tmp_path / "released.pth", "", "", "", "")
    released = zoo.load(f"torchvision/{name}", fetched)
    seeded_one = zoo.load(f"torchvision/{name}")
    assert seeded_one.signature_sha256() == released.signature_sha256()
    seeded_one.module.load_state_dict(released.module.state_dict())
    images = probe.images(released.card.resolution, 1)
    assert np.array_equal(seeded_one.logits(images), released.logits(images))
    assert seeded_one.module.transform_input is released.module.transform_input is True


def test_the_size_of_weights_is_the_size_of_the_network() -> None:
    native = zoo.load("torchvision/vit_b_32")
    assert native.module.image_size == native.card.resolution == 224
    card = zoo.card("torchvision/vit_b_16.IMAGENET1K_SWAG_E2E_V1")
    from zoo.libraries import torchvision_networks

    with torch.device("meta"):
        assert torchvision_networks.build(card).image_size == 384
