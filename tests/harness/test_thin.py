"""Measuring a bundle on a machine with only numpy, pandas and the runtime."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import zoo
from foundation.digests import file_sha256
from harness.__main__ import main
from harness.commands import ENTRIES, accuracy, models
from tests.fakes.classifiers import RESOLUTION, classifier, picture
from tests.fakes.networks import classifier_file

ABSENT = (
    *("torch", "torchvision", "tensorflow", "onnx", "onnxscript", "tf2onnx", "timm"),
    *("psutil", "rich", "filelock", "platformdirs", "tomli", "tomllib", "matplotlib"),
    *("zoo", "converters"),
)
"""Packages that such a machine lacks, including those of this project that need any of the others."""

FOR_ACCURACY = ("psutil", "tomli", "tomllib", "zoo")
"""Packages besides Pillow and pyarrow on a machine that can measure accuracy (docs/thin_machines.md)."""

QUICK = ["--rounds", "1", "--block-ms", "2", "--block-groups", "1"]


@pytest.fixture
def thin(tmp_path: Path):
    """Runs the command line in a process in which, as in its children, the absent packages cannot be imported."""
    site = tmp_path / "site"
    site.mkdir()
    root = Path(__file__).parents[2]

    def run(*arguments: str, absent: Sequence[str] = ABSENT) -> subprocess.CompletedProcess[str]:
        # As if the packages were not installed: `import` raises, `find_spec` finds nothing.
        (site / "sitecustomize.py").write_text(f"import sys\nfor name in {absent!r}:\n    sys.modules[name] = None\n")
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{root}", "XDG_CACHE_HOME": str(tmp_path / "xdg")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def rows(directory: Path) -> pd.DataFrame:
    return pd.read_csv(directory / "results.csv", keep_default_na=False).set_index("model")


def test_a_bundle_is_measured_and_reported_with_numpy_pandas_and_the_runtime_alone(
    converted, write_bundle, thin, tmp_path
) -> None:
    write_bundle(converted(), converted("regnet/RegNetX-200MF", weight=2.0))
    ended = thin("run", "--artifacts", "bundle", "--models", "gpunet", *QUICK)
    assert ended.returncode == 0, ended.stderr
    found = rows(tmp_path / "results")
    assert found.status.to_dict() == {"gpunet/GPUNet-0": "ok"}
    row = found.loc["gpunet/GPUNet-0"]
    assert row.ratio_to_reference > 0
    assert row.accuracy_published_top1_percent == 78.9
    assert row.artifact_path == str(tmp_path / "bundle" / "models" / "gpunet-GPUNet-0-fp32-b1.onnx")
    assert "gpunet/GPUNet-0" in (tmp_path / "results" / "results.md").read_text()
    assert "copy results to a machine that has it: python -m harness report results" in ended.stderr
    assert "[round 1 1/1] gpunet/GPUNet-0" in ended.stderr


def test_models_of_a_bundle_that_share_an_artifact_are_measured_once(converted, write_bundle, thin, tmp_path) -> None:
    write_bundle(converted(), converted("regnet/RegNetX-200MF"))
    ended = thin("run", "--artifacts", "bundle", *QUICK)
    assert ended.returncode == 0, ended.stderr
    assert "1 trial a round for 2 rows" in ended.stderr
    assert len((tmp_path / "results" / "trials.jsonl").read_text().splitlines()) == 1
    found = rows(tmp_path / "results")
    assert found.measured_as.to_dict() == {"gpunet/GPUNet-0": "", "regnet/RegNetX-200MF": "gpunet/GPUNet-0"}
    assert found.latency_median_ms.nunique() == 1


def test_the_absent_packages_are_absent_in_the_measuring_process_too(thin, tmp_path) -> None:
    ended = thin("env", "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["backends"]["onnxruntime"]["usable"] is True
    code = "import importlib.util, psutil"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    child = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in child.stderr


@pytest.fixture
def bundle_and_images(converted, write_bundle, tmp_path):
    """A model with a user's checkpoint, and images of two classes of ImageNet."""
    card = zoo.card("gpunet/GPUNet-0")
    facts = converted(resolution=card.resolution, classes=card.classes)
    path = Path(facts.artifact_path)
    path.write_bytes(classifier(card.classes, 1, card.resolution, 0, 1.0).SerializeToString())
    write_bundle(dataclasses.replace(facts, weights="file", artifact_sha256=file_sha256(path)))
    for number, wnid in enumerate(("n01440764", "n01443537")):
        (tmp_path / "val" / wnid).mkdir(parents=True)
        Image.fromarray(picture(number)).save(tmp_path / "val" / wnid / f"{number}.png")


def test_the_accuracy_of_a_bundle_and_of_a_user_file_is_measured_there(bundle_and_images, thin, tmp_path) -> None:
    (tmp_path / "mine.onnx").write_bytes(classifier(1000, 1, RESOLUTION, 0, 1.0).SerializeToString())
    absent = [name for name in ABSENT if name not in FOR_ACCURACY]
    ended = thin("accuracy", "--artifacts", "bundle", "--onnx", "mine.onnx", "--images", "val", absent=absent)
    assert ended.returncode == 0, ended.stderr
    found = rows(tmp_path / "results")
    assert found.accuracy_images_count.to_dict() == {"gpunet/GPUNet-0": 2, "onnx/mine": 2}


def test_what_accuracy_needs_is_named_before_anything_is_evaluated(bundle_and_images, thin, tmp_path) -> None:
    absent = [*ABSENT, "PIL", "pyarrow"]
    ended = thin("accuracy", "--artifacts", "bundle", "--images", "val", absent=absent)
    assert ended.returncode == 2
    assert "needs packages that are not installed: pip install pillow pyarrow psutil" in ended.stderr
    assert not (tmp_path / "results").exists()


def lacking(package: str):
    def command(arguments: argparse.Namespace) -> int:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    return command


def test_what_needs_more_says_what(monkeypatch, capsys) -> None:
    monkeypatch.setattr(models, "LIST", dataclasses.replace(models.LIST, run=lacking("tomli")))
    assert main(["list"]) == 2
    said = capsys.readouterr().err
    assert "list needs tomli, which is not installed here" in said
    assert said.endswith("what another machine converted: run --artifacts DIR\n")
    monkeypatch.setattr(accuracy, "ACCURACY", dataclasses.replace(accuracy.ACCURACY, run=lacking("onnx")))
    assert main(["accuracy", "--images", "val", "--onnx", "mine.onnx"]) == 2
    assert capsys.readouterr().err.endswith("what another machine converted: accuracy --artifacts DIR\n")


def test_a_command_that_takes_no_bundle_is_advised_to_run_one() -> None:
    takes = {entry.name for entry in ENTRIES if entry.load().takes_artifacts}
    assert takes == {"run", "build", "accuracy", "profile"}


def test_engines_of_a_bundle_are_built_with_numpy_pandas_and_tensorrt_for_rtx_alone(
    converted, write_bundle, thin, tmp_path
) -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed")
    write_bundle(converted())
    ended = thin(
        "build", "--artifacts", "bundle", "--export", "bundle", "--for", "sm86", absent=(*ABSENT, "onnxruntime")
    )
    assert ended.returncode == 0, ended.stderr
    assert len(list((tmp_path / "bundle" / "engines").iterdir())) == 2, "with the reference network's"


def test_a_module_that_is_missing_for_another_reason_is_not_a_bad_request(monkeypatch) -> None:
    monkeypatch.setattr(models, "LIST", dataclasses.replace(models.LIST, run=lacking("harness.gone")))
    with pytest.raises(ModuleNotFoundError):
        main(["list"])


def test_openvino_measures_a_bundle_without_onnxruntime(converted, write_bundle, thin, tmp_path) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    write_bundle(converted())
    words = ("run", "--artifacts", "bundle", "--backend", "openvino", *QUICK)
    ended = thin(*words, absent=(*ABSENT, "onnxruntime"))
    assert ended.returncode == 0, ended.stderr
    assert rows(tmp_path / "results").loc["gpunet/GPUNet-0"].precision_effective == "fp32"
    # bfloat16 is measured of the same file, or refused.
    thin(*words, "--precision", "bf16", "--output", "bf16", absent=(*ABSENT, "onnxruntime"))
    row = rows(tmp_path / "bf16").loc["gpunet/GPUNet-0"]
    assert row.precision == "bf16"
    assert "has no BF16" in row.reason or row.precision_effective == "bf16"


def test_a_user_file_that_would_be_converted_says_what_is_missing_and_where(
    converted, write_bundle, thin, tiny_onnx, tmp_path
) -> None:
    write_bundle(converted(precision="int8"))
    thin("run", "--artifacts", "bundle", "--onnx", str(tiny_onnx()), "--precision", "int8", *QUICK)
    found = rows(tmp_path / "results").loc["onnx/tiny"]
    assert (found.precision, found.status) == ("int8", "unsupported")
    assert "converters is not installed here" in found.reason
    assert "run convert --onnx FILE with the same options on a machine that has them" in found.reason


def test_a_user_file_is_quantised_without_any_framework(thin, tmp_path) -> None:
    path = classifier_file(tmp_path / "net.onnx", [1, 3, 32, 32])
    frameworks = ("torch", "torchvision", "tensorflow", "onnxscript", "tf2onnx", "timm")
    ended = thin("run", "--onnx", str(path), "--precision", "int8", *QUICK, absent=frameworks)
    assert ended.returncode == 0, ended.stderr
    assert rows(tmp_path / "results").loc["onnx/net"].precision_effective == "int8"


def test_a_user_file_is_measured_beside_a_bundle(converted, write_bundle, thin, tiny_onnx, tmp_path) -> None:
    write_bundle(converted())
    ended = thin("run", "--artifacts", "bundle", "--onnx", str(tiny_onnx()), *QUICK)
    assert ended.returncode == 0, ended.stderr
    assert rows(tmp_path / "results").status.to_dict() == {"gpunet/GPUNet-0": "ok", "onnx/tiny": "ok"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--artifacts", "nowhere"], "nowhere is not a folder of artifacts"),
        (["--artifacts", "bundle", "--models", "vgg"], "unknown model 'vgg' in bundle"),
        (["--artifacts", "bundle", "--batch", "8"], "It has --precision fp32 --batch 1"),
        (["--artifacts", "bundle", "--opset", "17"], "--opset: nothing is converted with --artifacts"),
        (["--artifacts", "bundle", "--model", "a:b", "--weights", "w"], "--model, --weights: nothing is converted"),
        (["--artifacts", "bundle", "--batch", "0"], "--batch 0: give a number of at least 1"),
    ],
)
def test_a_bad_request_leaves_no_run_directory(
    arguments, message, converted, write_bundle, monkeypatch, tmp_path, capsys
) -> None:
    write_bundle(converted())
    monkeypatch.chdir(tmp_path)
    assert main(["run", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_damaged_artifact_is_refused_before_anything_is_measured(
    converted, write_bundle, monkeypatch, tmp_path, capsys
) -> None:
    directory = write_bundle(converted())
    (directory / "models" / "gpunet-GPUNet-0-fp32-b1.onnx").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--artifacts", "bundle"]) == 2
    assert "models/gpunet-GPUNet-0-fp32-b1.onnx has 0 bytes" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_dry_run_prints_what_is_there(converted, write_bundle, monkeypatch, tmp_path, capsys) -> None:
    write_bundle(converted(), converted("regnet/RegNetX-200MF", weight=2.0))
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--artifacts", "bundle", "--models", "regnet", "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "regnet/RegNetX-200MF  models/regnet-RegNetX-200MF-fp32-b1.onnx\n"
    assert "1 series" in printed.err
    assert not (tmp_path / "results").exists()


def test_a_model_whose_conversion_failed_is_a_row(converted, write_bundle, monkeypatch, tmp_path) -> None:
    bad = dataclasses.replace(
        converted("regnet/RegNetX-200MF"), status="timeout", reason="why", artifact_path="", artifact_sha256=""
    )
    write_bundle(converted(), bad)
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--artifacts", "bundle", *QUICK]) == 1
    found = rows(tmp_path / "results")
    assert found.status.to_dict() == {"gpunet/GPUNet-0": "ok", "regnet/RegNetX-200MF": "timeout"}
    assert found.reason["regnet/RegNetX-200MF"] == "why"


@pytest.mark.slow
def test_from_a_network_through_convert_export_to_rows(thin, tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "thin_networks.py").write_text(
        "import torch\ndef net():\n    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten())\n"
    )
    monkeypatch.chdir(tmp_path)
    own = ["--model", "thin_networks:net", "--resolution", "16"]
    places = ["--cache-dir", "cache", "--export", "b2"]
    command = ["convert", *own, "--models", "regnet/RegNetX-200MF", "--batch", "2", *places]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "regnet/RegNetX-200MF\tb2/models/regnet-RegNetX-200MF-fp32-b2.onnx" in printed.out
    assert "python -m harness run --artifacts b2 --batch 2\n" in printed.err
    assert main(command) == 0
    assert "RegNetX-200MF: was there" in capsys.readouterr().err
    assert main([*command, "--opset", "17"]) == 2
    assert "b2 holds another artifact of" in capsys.readouterr().err
    ended = thin("run", "--artifacts", "b2", "--batch", "2", "--models", "smoke,own", *QUICK)
    assert ended.returncode == 0, ended.stderr
    assert rows(tmp_path / "results").status.to_dict() == {
        "own/thin_networks:net": "ok",
        "regnet/RegNetX-200MF": "ok",
    }


def test_a_bundle_is_profiled_there_too(converted, write_bundle, thin, tmp_path) -> None:
    write_bundle(converted())
    ended = thin("profile", "gpunet", "--artifacts", "bundle", "--inferences", "2")
    assert ended.returncode == 0, ended.stderr
    assert "No picture" in ended.stderr
    (csv,) = (tmp_path / "profile").iterdir()
    assert pd.read_csv(csv)["share_percent"].sum() == pytest.approx(100)
