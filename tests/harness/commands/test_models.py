"""`harness list` and `harness show` as they are called."""

from __future__ import annotations

import json

import pytest

from harness.__main__ import main


def test_list_show_and_env_print_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "regnet/*Y*"]) == 0
    assert "regnet/RegNetY-200MF" in capsys.readouterr().out
    assert main(["list", "tf_efficientnet_b0*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("trained on")
    data = [line.split("  ")[-1].strip() for line in lines[1:]]
    assert data == ["ImageNet-1k", "ImageNet-1k", "ImageNet-1k", "ImageNet-1k + JFT-300M (unlabelled)"]
    assert main(["show", "tf_efficientnet_b0.ns_jft_in1k"]) == 0
    shown = capsys.readouterr().out
    assert "extra data: JFT-300M (unlabelled)" in shown
    assert "epochs: 700" in shown
    assert main(["show", "RegNetY-200MF"]) == 0
    shown = capsys.readouterr().out
    assert "channel order: BGR" in shown
    assert "https://dl.fbaipublicfiles.com/pycls" in shown
    assert main(["show", "RegNetY-200MF", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["published"]["top1_percent"] == 70.3
    assert main(["show", "regnet"]) == 2
    assert main(["env", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["backends"]["onnxruntime"]["usable"] is True
    assert main(["env"]) == 0
    assert "onnxruntime: can run" in capsys.readouterr().out


def test_show_prints_what_the_weights_learned_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "gpunet/GPUNet-D1"]) == 0
    _, _, shown = capsys.readouterr().out.partition("\ntraining\n")
    lines = shown.split("\n\n")[0].splitlines()
    assert "  data: ImageNet-1k" in lines
    assert "  teacher: tf_efficientnet_b5_ns (timm 0.5.4)" in lines
    assert "  teacher extra data: JFT-300M (unlabelled)" in lines
    assert "  epochs: 450" in lines
    assert "  resolution px: 456" in lines
    assert any(line.startswith("  stated in: PyTorch/Classification/GPUNet/README.md") for line in lines)


def test_show_prints_the_latencies_that_the_release_states(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "gpunet/GPUNet-D1"]) == 0
    shown = capsys.readouterr().out
    readme = "PyTorch/Classification/GPUNet/README.md (Inference results)"
    assert f"\n  A100 (80GB), TensorRT 8, FP16, batch 1: 0.94 ms ({readme})\n" in shown
    assert "\nsearch\n  target: GV100 GPU\n" in shown
    assert main(["show", "alphanet/a0"]) == 0
    shown = capsys.readouterr().out
    assert "\npublished latencies\n" not in shown
    assert "\nsearch\n" not in shown
