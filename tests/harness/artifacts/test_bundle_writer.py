from __future__ import annotations

import dataclasses
import errno
import json
from pathlib import Path
from typing import Any

import pytest

from foundation.digests import file_sha256
from harness.artifacts import bundle_writer
from harness.artifacts.bundle import BUNDLE_NAME, read_bundle
from harness.artifacts.bundle_writer import BundleWriter, file_stem
from harness.artifacts.reference import REFERENCE_SHA256
from harness.backends.backend import BuiltEngine
from harness.errors import BundleError
from harness.files.locking import LOCK_NAME, KernelLock
from harness.machine.gpu.settings import GpuSettings
from harness.processes.target import Target
from harness.records.series import Series


def files(directory: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every file: a rewritten file has others."""
    return {
        str(path.relative_to(directory)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file() and path.name not in (BUNDLE_NAME, LOCK_NAME)
    }


def test_a_model_has_a_readable_file_its_provenance_and_the_reference_network(converted, write_bundle) -> None:
    facts = converted()
    directory = write_bundle(facts)
    assert set(files(directory)) == {
        "models/gpunet-GPUNet-0-fp32-b1.onnx",
        "models/gpunet-GPUNet-0-fp32-b1.json",
        "reference.onnx",
    }
    assert file_sha256(directory / "reference.onnx") == REFERENCE_SHA256
    provenance = Path(facts.artifact_path).with_name("provenance.json")
    assert (directory / "models" / "gpunet-GPUNet-0-fp32-b1.json").read_bytes() == provenance.read_bytes()
    index = (directory / BUNDLE_NAME).read_text()
    assert "README.md" in index
    assert str(Path(facts.artifact_path).parent.parent) not in index
    assert "onnxruntime" not in index


def test_the_same_export_again_copies_nothing(converted, write_bundle) -> None:
    series = [converted(), converted("regnet/RegNetX-200MF", weight=2.0)]
    before = files(write_bundle(*series))
    with BundleWriter(write_bundle(*series)) as writer:
        assert not writer.add(series[0], ["all"])
    assert files(write_bundle(*series)) == before


def test_a_damaged_file_is_copied_again(converted, write_bundle) -> None:
    directory = write_bundle(converted())
    path = directory / "models" / "gpunet-GPUNet-0-fp32-b1.onnx"
    path.write_bytes(b"?" * path.stat().st_size)
    (directory / "reference.onnx").unlink()
    bundle = read_bundle(write_bundle(converted()))
    bundle.check_files(bundle.models)


def test_more_models_precisions_and_batches_are_added(converted, write_bundle) -> None:
    write_bundle(converted())
    write_bundle(converted("regnet/RegNetX-200MF"))
    directory = write_bundle(converted(precision="fp16", batch=8, weight=2.0))
    assert [model.identity for model in read_bundle(directory).models] == [
        ("gpunet/GPUNet-0", "fp32", 1, "native"),
        ("regnet/RegNetX-200MF", "fp32", 1, "native"),
        ("gpunet/GPUNet-0", "fp16", 8, "native"),
    ]


def built_engine(folder: Path, name: str = "abc-fp32-1", plan: bytes = b"plan") -> BuiltEngine:
    """An engine in a cache, as a build leaves it."""
    directory = folder / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "engine.plan").write_bytes(plan)
    (directory / "engine.json").write_text("{}")
    return BuiltEngine(directory / "engine.plan", "digest", 1.0, 2.0, False, "")


def target_of(series: Series, *capabilities: str) -> Target:
    return dataclasses.replace(
        series.target(1, GpuSettings(capabilities=capabilities), Path("cache")), backend="tensorrt-rtx"
    )


def test_engines_travel_with_their_artifacts(converted, write_bundle, tmp_path: Path) -> None:
    facts = converted()
    directory = write_bundle(facts)
    with BundleWriter(directory) as writer:
        assert writer.add_engine(target_of(facts, "sm86", "sm89"), built_engine(tmp_path / "cache"))
    before = files(directory)
    with BundleWriter(directory) as writer:
        assert not writer.add_engine(target_of(facts, "sm86", "sm89"), built_engine(tmp_path / "cache"))
        assert writer.add_engine(target_of(facts), built_engine(tmp_path / "cache", "abc-fp32-2", b"other"))
    assert before.items() <= files(directory).items()
    bundle = read_bundle(write_bundle(converted("regnet/RegNetX-200MF")))
    assert bundle.engine_capabilities("tensorrt-rtx") == [("sm86", "sm89"), ()]
    assert bundle.engine_capabilities("tensorrt") == []
    (first, _) = bundle.engines
    assert (first.name, first.artifact_sha256, first.precision) == ("abc-fp32-1", facts.artifact_sha256, "fp32")
    assert [file.path for file in first.files] == [
        "engines/abc-fp32-1/engine.json",
        "engines/abc-fp32-1/engine.plan",
    ]
    assert {file.fault(directory) for file in bundle.files()} == {None}


def test_an_engine_that_cannot_be_written_names_the_export(converted, write_bundle, tmp_path: Path) -> None:
    facts = converted()
    directory = write_bundle(facts)
    (directory / "engines").write_text("a file where a folder belongs")
    with BundleWriter(directory) as writer, pytest.raises(BundleError, match=r"Cannot use .*engines.*--export DIR"):
        writer.add_engine(target_of(facts), built_engine(tmp_path / "cache"))
    assert read_bundle(directory).engines == ()


def test_another_artifact_of_the_same_model_is_refused_before_anything_is_written(converted, write_bundle) -> None:
    directory = write_bundle(converted())
    before = (directory / BUNDLE_NAME).read_bytes()
    other = converted(opset=18, weight=5.0)
    with BundleWriter(directory) as writer, pytest.raises(BundleError, match="give another --export DIR") as raised:
        writer.check([converted("regnet/RegNetX-200MF"), other])
    assert "opset 17" in str(raised.value)
    assert f"opset 18, probe weights, SHA-256 {other.artifact_sha256[:12]}" in str(raised.value)
    assert (directory / BUNDLE_NAME).read_bytes() == before


def failed(facts: Series) -> Series:
    changes: dict[str, Any] = {"status": "timeout", "reason": "why", "artifact_path": "", "artifact_sha256": ""}
    return dataclasses.replace(facts, **changes)


def test_a_failed_conversion_is_a_row_until_it_succeeds(converted, write_bundle) -> None:
    facts = converted()
    directory = write_bundle(failed(facts))
    (model,) = read_bundle(directory).select([], "fp32", 1)
    series = model.series("onnxruntime", directory)
    assert (series.status, series.reason, series.artifact_path) == ("timeout", "why", "")
    read_bundle(directory).check_files([model])
    (model,) = read_bundle(write_bundle(facts)).models
    assert model.facts["status"] == "ok"
    (model,) = read_bundle(write_bundle(failed(facts))).models
    assert model.facts["status"] == "ok", "an artifact is not given up for a conversion that failed"


def test_an_interrupted_bundle_holds_what_was_finished_and_resumes(
    converted, write_bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = [converted(), converted("regnet/RegNetX-200MF", weight=2.0)]

    def full(source: Path, target: Path) -> None:
        if "regnet" in Path(target).name:
            Path(target).write_bytes(b"a part")
            raise OSError(errno.ENOSPC, "No space left on device")
        Path(target).write_bytes(Path(source).read_bytes())

    with monkeypatch.context() as broken:
        broken.setattr(bundle_writer.shutil, "copyfile", full)
        with pytest.raises(BundleError, match=r"regnet.*No space left on device.*Free some space"):
            write_bundle(*series)
    directory = Path(series[0].artifact_path).parents[2] / "bundle"
    bundle = read_bundle(directory)
    assert [model.facts["model"] for model in bundle.models] == ["gpunet/GPUNet-0"]
    bundle.check_files(bundle.models)
    assert not list((directory / "models").glob(".*"))
    before = files(directory)
    write_bundle(*series)
    assert before.items() <= files(directory).items()
    assert len(read_bundle(directory).models) == 2


def test_what_a_killed_export_leaves_is_taken_over(converted, write_bundle, tmp_path: Path) -> None:
    (tmp_path / "bundle" / "models").mkdir(parents=True)
    (tmp_path / "bundle" / "reference.onnx").write_bytes(b"a part")
    (tmp_path / "bundle" / "models" / ".gpunet-GPUNet-0-fp32-b1.onnx.1.tmp").touch()
    (tmp_path / "bundle" / "engines" / "abc-fp32-1").mkdir(parents=True)
    (tmp_path / "bundle" / "engines" / "abc-fp32-1" / ".engine.plan.1.tmp").touch()
    directory = write_bundle(converted())
    bundle = read_bundle(directory)
    bundle.check_files(bundle.models)
    assert not list(directory.rglob(".*.tmp"))


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_may_not_be_written_to_is_not_called_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: Path) -> KernelLock:
        raise OSError(number, "Read-only file system")

    monkeypatch.setattr(bundle_writer, "KernelLock", refuse)
    with pytest.raises(BundleError, match=r"^Not allowed to write .*bundle \(Read-only file system\)\. Give --export"):
        BundleWriter(tmp_path / "bundle")


def test_an_artifact_that_changed_since_its_conversion_is_refused(converted, write_bundle) -> None:
    facts = converted()
    path = Path(facts.artifact_path)
    path.write_bytes(b"?" * path.stat().st_size)
    with pytest.raises(BundleError, match="is not what the conversion made"):
        write_bundle(facts)
    assert not read_bundle(path.parents[2] / "bundle").models


@pytest.mark.parametrize(("name", "message"), [("file", "is a file"), ("full", "not empty .it holds mine.txt.")])
def test_a_place_of_something_else_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(BundleError, match=message):
        BundleWriter(tmp_path / name)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_a_bundle_of_another_version_is_not_written_to(converted, write_bundle) -> None:
    directory = write_bundle(converted())
    index = {**json.loads((directory / BUNDLE_NAME).read_text()), "schema_version": 2}
    (directory / BUNDLE_NAME).write_text(json.dumps(index))
    for _ in range(2):  # The lock is given back with the refusal.
        with pytest.raises(BundleError, match="schema version 2"):
            BundleWriter(directory)


def test_a_second_export_into_the_folder_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "bundle"), pytest.raises(BundleError, match="Another export writes to"):
        BundleWriter(tmp_path / "bundle")
    KernelLock(tmp_path / "bundle" / LOCK_NAME).release()


def test_a_full_disk_at_the_index_says_what_to_do(converted, write_bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BundleError, match=r"No space left on device.*another --export DIR"):
        write_bundle(converted())


def test_names_of_files_are_distinct_on_any_file_system() -> None:
    def stem(model: str) -> str:
        source, variant = model.split("/", 1)
        return file_stem(Series(model, source, variant, "", "fp16", 8))

    assert stem("gpunet/GPUNet-0") == "gpunet-GPUNet-0-fp16-b8"
    assert stem("own/a:b").startswith("own-a_b-")
    assert stem("own/a:b") != stem("own/a b")
    assert "/" not in stem("own/a/b")
