"""On the real libraries of the real onnxruntime."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from harness.backends.onnxruntime import libraries

linux = pytest.mark.skipif(sys.platform != "linux", reason="ELF files are Linux's.")


def real_library() -> Path:
    return next(Path(onnxruntime.__file__).parent.glob("capi/onnxruntime_pybind11_state*.so"))


@linux
def test_the_needed_libraries_are_read_from_the_file() -> None:
    names = libraries.needed_libraries(real_library())
    assert {"libc.so.6", "libstdc++.so.6"} <= set(names)
    assert all(".so" in name for name in names)


@linux
def test_they_are_those_that_the_loader_looks_for() -> None:
    listed = subprocess.run(["ldd", str(real_library())], capture_output=True, text=True, check=True).stdout
    for name in libraries.needed_libraries(real_library()):
        assert name in listed


def test_another_kind_of_file_needs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "provider.dll"
    path.write_bytes(b"MZ" + bytes(100))
    assert libraries.needed_libraries(path) == []
    assert libraries.needed_libraries(tmp_path / "none.so") == []


@linux
def test_missing_are_those_that_do_not_load() -> None:
    assert libraries.missing(["libc.so.6", "libnosuch.so.7"]) == ["libnosuch.so.7"]


def test_versions_are_part_of_the_names() -> None:
    names = ["libcudart.so.13", "libnvinfer.so.10", "libnvinfer_plugin.so.11"]
    assert libraries.major_version(names, "libnvinfer") == 10
    assert libraries.major_version(names, "libcudnn") is None


@linux
def test_a_library_reports_its_version() -> None:
    assert libraries.version_number("libnosuch.so.7", "version") is None
    assert libraries.version_number("libc.so.6", "no_such_function") is None
    number = libraries.version_number("libc.so.6", "getpid")
    assert number is not None
    assert number > 0


@linux
def test_tensorrt_is_loaded_from_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is loaded, its bare name suffices, which is how the provider requests it."""
    package = tmp_path / "tensorrt_libs"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('It must not be imported.')")
    source = tmp_path / "stand_in.c"
    source.write_text("int version(void) { return 101302; }")
    name = "libstandin_of_tensorrt.so.10"
    command = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(package / name), str(source)]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip("There is no C compiler.")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert libraries.missing([name]) == [name]
    libraries.preload([name])
    assert libraries.missing([name]) == []
    assert libraries.version_number(name, "version") == 101302


@linux
def test_the_runtimes_output_about_missing_libraries_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("Failed to load libcublas.so.13"), raising=False)
    libraries.preload([])
    assert capsys.readouterr().out == ""
