"""Networks of timm and torchvision on the command line, from their names to a row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnxruntime
import pandas as pd
import pytest

import zoo
from harness.__main__ import main
from zoo import probe
from zoo.checkpoints.location import locate

timm = pytest.importorskip("timm")
torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

QUICK = ["--rounds", "1", "--block-ms", "2", "--block-groups", "1"]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with the weights of one network, which are not the probe's."""
    monkeypatch.delenv("BASELINE_ZOO_MIRROR", raising=False)
    native = zoo.load("timm/test_vit")
    path = tmp_path / "mirror" / locate(native.card).path
    path.parent.mkdir(parents=True)
    path.write_bytes(safetensors.save({name: t * 1.25 for name, t in native.module.state_dict().items()}))
    return tmp_path / "mirror"


def test_released_networks_of_a_library_are_rows_beside_each_other(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "results"
    options = ["--weights", "released", "--mirror", str(mirror), "--cache-dir", str(tmp_path / "cache")]
    # In a process of its own, as at a shell: no framework is in it when it reads the names.
    command = ["run", "--timm", "test_vit,test_vit2", *options, "--output", str(output), *QUICK]
    ended = subprocess.run([sys.executable, "-m", "harness", *command], capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    rows = pd.read_csv(output / "results.csv", keep_default_na=False).set_index("model")
    assert list(rows.index) == ["timm/test_vit", "timm/test_vit2"]
    made, missing = rows.loc["timm/test_vit"], rows.loc["timm/test_vit2"]
    assert (missing.status, missing.resolution) == ("failed", 160)
    assert "model.safetensors" in missing.reason
    assert (made.status, made.weights, made.source, made.resolution) == ("ok", "released", "timm", 160)
    assert made.accuracy_published_top1_percent == ""
    assert "no table of results" in made.accuracy_published_source
    assert float(made.verification_relative_l2) < probe.RUNTIME_TOLERANCE

    network = timm.create_model("test_vit").eval()
    network.load_state_dict(safetensors.load_file(mirror / locate(zoo.card("timm/test_vit")).path))
    images = probe.images(160, 1)
    (logits,) = onnxruntime.InferenceSession(made.artifact_path).run(None, {"input": images})
    with torch.inference_mode():
        assert probe.relative_l2(logits, network(torch.from_numpy(images)).numpy()) < probe.RUNTIME_TOLERANCE

    again = ["convert", "--timm", "test_vit", *options, "--precision", "int8"]
    assert main(again) == 0
    assert "timm/test_vit: in the cache" not in capsys.readouterr().err
    assert main(again) == 0
    assert "timm/test_vit: in the cache" in capsys.readouterr().err


def test_list_and_show_know_the_networks_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--timm", "test_vit*", "--torchvision", "alexnet"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["timm/test_vit", "160", "-", "-"],
        ["timm/test_vit2", "160", "-", "-"],
        ["timm/test_vit3", "160", "-", "-"],
        ["timm/test_vit4", "160", "-", "-"],
        ["torchvision/alexnet", "224", "-", "-"],
    ]
    assert lines[-1].index("56.5") == head.index("top-1/%")
    assert main(["show", "torchvision/alexnet"]) == 0
    shown = capsys.readouterr().out
    assert "parameters" not in shown
    assert "AlexNet_Weights.IMAGENET1K_V1" in shown
    assert main(["list", "--timm", "test_vitt"]) == 2
    assert "nearest: test_vit," in capsys.readouterr().err


def test_a_library_is_not_compared_with_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--timm", "test_vit", "--cache-dir", str(tmp_path / "cache")]) == 2
    assert "timm/test_vit: the library's own code builds it" in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()
