"""`harness build` as it is called, with the real TensorRT for RTX in its building processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import backends
from harness.__main__ import main
from harness.artifacts.bundle import read_bundle
from harness.backends.backend import Availability
from harness.backends.tensorrt.rtx_backend import TensorRtRtxBackend
from harness.commands import build
from harness.commands.parser import parse
from harness.records.series import Series

MakeSeries = Callable[..., Series]
WriteBundle = Callable[..., Path]


@pytest.fixture
def bundle(converted: MakeSeries, write_bundle: WriteBundle) -> Path:
    """Two networks that another machine converted."""
    pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed")
    return write_bundle(converted(), converted("regnet/RegNetX-200MF", weight=2.0))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code, and what was printed to standard output and error."""
    code = main(["build", *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_engines_are_built_without_a_gpu_and_travel_in_the_bundle(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--artifacts", str(bundle), "--export", str(bundle), "--for", "sm120,8.6", "--workers", "2"]
    code, out, err = run(capsys, *words, "--cache-dir", str(tmp_path / "here"))
    assert code == 0, err
    lines = dict(line.split("\t") for line in out.splitlines())
    assert list(lines) == ["gpunet/GPUNet-0", "regnet/RegNetX-200MF"]
    assert all(Path(path).is_file() and Path(path).is_relative_to(bundle / "engines") for path in lines.values())
    assert "engines: 3 built, in " in err, "with the reference network's"
    assert "python -m harness run --artifacts bundle --backend tensorrt-rtx" in err
    found = read_bundle(bundle)
    assert found.engine_capabilities("tensorrt-rtx") == [("sm86", "sm120")] * 3
    assert {file.fault(bundle) for file in found.files()} == {None}
    sidecar = json.loads(Path(lines["gpunet/GPUNet-0"]).with_name("engine.json").read_text())
    assert sidecar["built_for"]["capabilities"] == ["sm86", "sm120"]

    code, out, err = run(capsys, *words, "--cache-dir", str(tmp_path / "here"))
    assert (code, dict(line.split("\t") for line in out.splitlines())) == (0, lines)
    assert "engines: 3 from the cache" in err

    # Another machine, whose cache is empty, takes those that fit and builds the others.
    code, _, err = run(capsys, *words, "--cache-dir", str(tmp_path / "elsewhere"))
    assert (code, "engines: 3 from the bundle" in err) == (0, True)
    words = ["--artifacts", str(bundle), "--models", "gpunet", "--cache-dir", str(tmp_path / "third")]
    code, _, err = run(capsys, *words)
    assert code == 0, err
    assert "not taken from the bundle: built for capabilities sm86+sm120, here the default" in err
    assert "engines: 2 built" in err


def test_an_engine_that_cannot_be_built_is_a_line_and_1(
    bundle: Path, write_network: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_network(operator="NoSuchOperator")
    code, out, err = run(capsys, "--onnx", str(path), "--cache-dir", str(tmp_path / "here"))
    assert code == 1
    assert out.startswith("onnx/tiny\tunsupported: ")
    assert "NoSuchOperator" in out
    assert "engines: 1 built, 1 failed" in err


def test_without_an_engine_of_the_reference_network_no_next_step_is_promised(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--artifacts", str(bundle), "--models", "gpunet", "--export", str(bundle), "--build-timeout", "0.001s"]
    code, out, err = run(capsys, *words, "--cache-dir", str(tmp_path / "here"))
    assert code == 1
    assert out.startswith("the reference network\ttimeout: The build did not end within")
    assert "Without an engine of the reference network nothing can be measured" in err
    assert "next:" not in err


def test_a_file_of_the_user_is_not_exported(
    tiny_onnx: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "--onnx", str(tiny_onnx()), "--export", str(tmp_path / "bundle"))
    assert code == 2
    assert "has converted models only, not --onnx files" in err
    assert "run --onnx tiny.onnx --backend tensorrt-rtx" in err
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--for", "sm90"], r"--for sm90: TensorRT-RTX 1.7.1.116 does not know this compute capability"),
        (["--for", "gtx"], "'gtx' is not a compute capability; write sm86 or 8.6"),
        (["--backend", "onnxruntime"], "invalid choice: 'onnxruntime'"),
        (["--export", "another"], "--export another: engines of the artifacts in "),
    ],
)
def test_a_bad_request_is_refused_before_anything_is_built(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    cache = tmp_path / "here"
    try:
        code, _, err = run(capsys, "--artifacts", str(bundle), *words, "--cache-dir", str(cache))
    except SystemExit as ended:
        code, err = int(str(ended.code)), capsys.readouterr().err
    assert code == 2
    assert message in err
    assert not cache.exists()


def test_a_backend_that_cannot_build_here_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Availability(False, "tensorrt_rtx is not installed.", "Run: pip install 'baseline-zoo[rtx]'")
    monkeypatch.setattr(TensorRtRtxBackend, "build_availability", lambda self: missing)
    code, _, err = run(capsys, "--models", "smoke")
    assert code == 2
    assert "backend tensorrt-rtx cannot build engines here: tensorrt_rtx is not installed." in err


@pytest.mark.parametrize("backend", ["tensorrt-rtx", "tensorrt"])
def test_int8_follows_the_rules_of_tensorrt(backend: str) -> None:
    options = parse(["build", "--models", "smoke", "--precision", "int8", "--backend", backend]).options
    request = build.request_of(options)
    (conversion, *_) = request.conversions()
    assert conversion.options.int8_scheme == "tensorrt"
    assert backends.get(request.backend).name == backend
