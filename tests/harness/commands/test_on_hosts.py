"""--on of `accuracy` and `convert`: what is refused, and what the pieces are asked, before any host is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.__main__ import main
from harness.commands import accuracy_on_hosts, carried_artifacts, convert_on_hosts, run_on_hosts
from harness.errors import HarnessError
from harness.hosts.carried import Errand
from harness.hosts.job import Job, Parts


class AskedError(HarnessError):
    """Ends a command when it would connect."""


@pytest.fixture
def errands(monkeypatch: pytest.MonkeyPatch) -> list[Errand]:
    """What would be carried out."""
    found: list[Errand] = []

    def carry_out(errand: Errand, say: object) -> None:
        found.append(errand)
        raise AskedError("asked")

    for module in (accuracy_on_hosts, convert_on_hosts, run_on_hosts):
        monkeypatch.setattr(module, "carry_out", carry_out)
    return found


@pytest.fixture
def task(make_pictures: Path, tiny_onnx: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert callable(tiny_onnx)
    tiny_onnx(name="net.onnx")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make_pictures(tmp_path: Path) -> Path:
    from PIL import Image

    for label in ("a", "b"):
        (tmp_path / "val" / label).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (9, 9)).save(tmp_path / "val" / label / f"{number}.png")
    return tmp_path / "val"


ACCURACY = ["accuracy", "--images", "val", "--on", "ray", "--onnx", "net.onnx"]


def test_pieces_are_asked_for_what_the_user_asked(task: Path, errands: list[Errand]) -> None:
    assert (
        main([*ACCURACY, "--threads", "1", "--limit=4", "--cache-dir", "cache", "--output", "out", "--memory", "9"])
        == 2
    )
    (errand,) = errands
    begin = ("--images", str(task / "val"), "--threads", "1", "--limit=4", "--memory", "9")
    assert errand.job.words == (*begin, "--onnx", "net=@onnx0@/net.onnx")
    assert (errand.job.command, errand.job.folder_option) == ("accuracy", "--output")
    assert (errand.things, errand.output) == (4, Path("out"))
    assert [file.path for one in errand.sent for file in one.parcel.files] == ["net.onnx"]


def test_other_images_or_files_are_another_job(task: Path, errands: list[Errand]) -> None:
    main(ACCURACY)
    (task / "net.onnx").write_bytes((task / "net.onnx").read_bytes() + b"\x82\x01\x00")
    main(ACCURACY)
    (task / "val" / "a" / "0.png").rename(task / "val" / "a" / "9.png")
    main(ACCURACY)
    assert len({errand.job.digest for errand in errands}) == 3


def test_what_was_converted_here_is_not_converted_there(
    task: Path, errands: list[Errand], write_bundle: object, converted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(write_bundle)
    assert callable(converted)
    bundle = write_bundle(converted())
    monkeypatch.setattr(carried_artifacts, "_converted", lambda request, arguments, folder: bundle)
    words = ["--models", "gpunet", "--weights", "probe", "--opset", "17", "--workers=2", "--precision", "fp32"]
    main(["accuracy", "--images", "val", "--on", "ray", *words])
    (errand,) = errands
    assert errand.job.words == ("--images", str(task / "val"), "--precision", "fp32", "--artifacts", "@bundle@")
    assert errand.sent[-1].parcel.files[-1].path == "bundle.json"


def test_a_run_is_shared_out_by_models_and_done_in_each_environment(
    task: Path, errands: list[Errand], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--onnx", "net.onnx", "--onnx", "other=net.onnx", "--rounds", "2", "--spread", "5", "--output", "out"]
    assert main(["run", *words, "--on", "ray"]) == 2
    assert run_on_hosts.BESIDE_RAY in capsys.readouterr().err
    (errand,) = errands
    assert errand.job.words[:2] == ("--rounds", "2")
    assert "--spread" not in errand.job.words
    assert (errand.job.folder_option, errand.things, errand.at_least) == ("--output", 2, 1)
    assert (errand.each_environment, errand.spread_percent) == (True, 5.0)
    assert errand.devices is not None
    assert (errand.devices.backends, errand.devices.times) == (("onnxruntime",), True)


def test_a_run_with_images_is_two_commands(
    task: Path, errands: list[Errand], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--onnx", "net.onnx", "--images", "val", "--on", "ray"]) == 2
    assert "latency and accuracy are measured by two commands" in capsys.readouterr().err
    assert not errands


def test_conversions_are_shared_out_by_models(task: Path, errands: list[Errand]) -> None:
    assert main(["convert", "--onnx", "net.onnx", "--precision", "fp16", "--on", "ray", "--export", "out"]) == 2
    (errand,) = errands
    assert errand.job.words == ("--precision", "fp16", "--onnx", "net=@onnx0@/net.onnx")
    assert (errand.job.folder_option, errand.things, errand.at_least) == ("--export", 1, 1)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([*ACCURACY, "--shard", "1/2"], "--shard: --on shares out by itself"),
        ([*ACCURACY, "--output", "val"], "val is there already, and what hosts leave is merged into a new folder"),
        ([*ACCURACY, "--resume"], "--resume: there are no pieces of an earlier command in results.parts"),
        (["convert", "--models", "smoke", "--on", "ray"], "--on: add --export DIR"),
        ([*ACCURACY, "--ground-truth", "none.txt"], "none.txt"),
    ],
)
def test_what_is_refused(
    task: Path, errands: list[Errand], words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert why in capsys.readouterr().err
    assert errands == []


def test_pieces_beside_the_output_are_resumed(task: Path, errands: list[Errand]) -> None:
    Parts(task / "results.parts", Job("accuracy", (), "--output"), 2).__exit__()
    main([*ACCURACY, "--resume"])
    assert len(errands) == 1
