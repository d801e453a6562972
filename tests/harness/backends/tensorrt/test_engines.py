from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from harness.backends.backend import BuildFacts, BuiltEngine
from harness.backends.tensorrt import backend as backend_module
from harness.backends.tensorrt import engines
from harness.backends.tensorrt.backend import TensorRtBackend
from harness.backends.tensorrt.engines import EngineKey, EngineSidecar, EngineStore, why_unfit
from harness.errors import ArtifactError, StorageError
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.tensorrt import TensorRtScript


def build(path: Path, cache_dir: Path, precision: str = "fp32", **settings: Any) -> BuiltEngine:
    return TensorRtBackend().build(path, precision=precision, gpu=GpuSettings(**settings), cache_dir=cache_dir)


def builds(script: TensorRtScript) -> int:
    return script.calls.count("Builder.build_serialized_network")


def test_an_engine_is_built_once(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    path = write_model()
    first, second = build(path, tmp_path), build(path, tmp_path)
    assert (first.cached, second.cached) == (False, True)
    assert second == BuiltEngine(**{**vars(first), "cached": True})
    assert builds(script) == 1


def test_everything_that_decides_an_engine_makes_another(
    install: Any, write_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = install("8.5.3.1")
    driver, path = script.driver, write_model()
    paths = [build(path, tmp_path).path]
    paths.append(build(path, tmp_path, "fp16").path)
    paths.append(build(write_model("other.onnx", extra=("Relu",)), tmp_path).path)
    paths.append(build(path, tmp_path, workspace_mib=64).path)
    for name, value in (("name", "NVIDIA Other"), ("compute_capability", (8, 0)), ("cuda_version", 12040)):
        kept = getattr(driver, name)
        setattr(driver, name, value)
        paths.append(build(path, tmp_path).path)
        setattr(driver, name, kept)
    monkeypatch.setattr(backend_module, "kernel_module_version", lambda: "999.9")
    paths.append(build(path, tmp_path).path)
    monkeypatch.undo()
    newer = install("10.16.1.11", driver=driver)
    paths.append(build(path, tmp_path).path)
    assert len(set(paths)) == len(paths) == builds(script) + builds(newer)
    # The device's index and the way of waiting do not change the engine.
    assert build(path, tmp_path, queue_depth=4, wait="spin", cuda_graph=True).cached


@pytest.mark.parametrize("damage", ["truncate", "flip", "no_sidecar", "bad_sidecar", "old_sidecar", "others"])
def test_a_damaged_engine_is_built_again(script: TensorRtScript, write_model: Any, tmp_path: Path, damage: str) -> None:
    path = write_model()
    built = build(path, tmp_path)
    plan, sidecar = built.path.read_bytes(), built.path.with_name("engine.json")
    if damage == "truncate":
        built.path.write_bytes(plan[:-1])
    elif damage == "flip":
        built.path.write_bytes(bytes([plan[0] ^ 1]) + plan[1:])
    elif damage == "no_sidecar":
        sidecar.unlink()
    elif damage == "bad_sidecar":
        sidecar.write_text("{")
    elif damage == "old_sidecar":
        sidecar.write_text(json.dumps({"sha256": built.sha256}))
    else:
        sidecar.write_text(sidecar.read_text().replace("NVIDIA Fake H200", "NVIDIA Other"))
    with pytest.raises(ArtifactError, match=r"is damaged\. Run again"):
        TensorRtBackend().prepare(path, precision="fp32", batch=1, threads=1, cache_dir=tmp_path)
    again = build(path, tmp_path)
    assert not again.cached
    assert again.path.read_bytes() == plan


def test_a_failed_build_leaves_no_entry(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    script.build = "nothing"
    with pytest.raises(Exception, match="could not build"):
        build(write_model(), tmp_path)
    assert [path for path in (tmp_path / "engines").iterdir() if path.is_dir()] == []


KEY = EngineKey(
    "ab" * 32, "fp16", "TensorRT", "10.16.1.11", None, ("JIT",), ("sm86",), "NVIDIA Fake", "9.0", 13000, "580.1"
)
SIDECAR = EngineSidecar("00", 3, 1.5, "fp16", ("[INFO] done",), KEY, BuildFacts(0.5, 12, ("a warning",), 300.0))


def test_a_sidecar_reads_back() -> None:
    assert EngineSidecar.from_json(json.loads(json.dumps(SIDECAR.to_json()))) == SIDECAR


def test_an_entry_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("a file where a directory belongs")
    with pytest.raises(StorageError, match=r"engines.*the same --cache-dir"):
        EngineStore(tmp_path).put(KEY, b"abc", SIDECAR, "{}")


def test_a_full_disk_leaves_no_entry_and_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = EngineStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        with pytest.raises(StorageError, match=r"No space left.*Every engine that was built is still stored.*resumes"):
            store.put(KEY, b"abc", SIDECAR)
    assert list(store.root.iterdir()) == []


def stored(root: Path, key: EngineKey, plan: bytes = b"plan") -> EngineStore:
    """A store with one engine."""
    store = EngineStore(root)
    sidecar = dataclasses.replace(SIDECAR, built_for=key, sha256=hashlib.sha256(plan).hexdigest())
    store.put(key, plan, sidecar, "{}")
    return store


def test_an_engine_from_another_machine_is_copied_with_all_its_files(tmp_path: Path) -> None:
    offered, store = stored(tmp_path / "bundle", KEY), EngineStore(tmp_path / "cache")
    brought = offered.find(KEY)
    assert brought is not None
    assert why_unfit(store, KEY) == ""
    store.copied(brought)
    found = store.find(KEY)
    assert found is not None
    assert (found.plan, found.sidecar) == (brought.plan, brought.sidecar)
    assert (found.directory / "layers.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("here", "why"),
    [
        ({"version": "11.4"}, "built for version 10.16.1.11, here 11.4"),
        ({"capabilities": ("sm120", "sm121")}, "built for capabilities sm86, here sm120+sm121"),
        ({"capabilities": ()}, "built for capabilities sm86, here the default"),
        (
            {"gpu": "NVIDIA Other", "driver": ""},
            "built for gpu NVIDIA Fake, here NVIDIA Other; driver 580.1, here none",
        ),
    ],
)
def test_an_engine_that_does_not_fit_is_described_by_what_differs(
    tmp_path: Path, here: dict[str, Any], why: str
) -> None:
    assert why_unfit(stored(tmp_path, KEY), dataclasses.replace(KEY, **here)) == why


def test_a_damaged_engine_from_another_machine_is_called_damaged(tmp_path: Path) -> None:
    store = stored(tmp_path, KEY)
    (store.directory(KEY) / "engine.plan").write_bytes(b"cut")
    assert store.find(KEY) is None
    assert why_unfit(store, KEY) == f"{KEY.name} is damaged"
    (store.directory(KEY) / "engine.json").write_text("{")
    assert why_unfit(store, KEY) == f"{KEY.name} is damaged"
    assert why_unfit(store, dataclasses.replace(KEY, artifact_sha256="cd" * 32)) == ""


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("size_bytes",), "3"),
        (("size_bytes",), None),
        (("build_s",), "long"),
        (("precision_effective",), 16),
        (("log_tail",), "done"),
        (("built_for", "capabilities"), "sm86"),
        (("built_for", "capabilities"), [86]),
        (("built_for", "workspace_mib"), "64"),
        (("facts", "parse_s"), "short"),
        (("facts", "warnings"), [1]),
        (("facts",), "none"),
    ],
)
def test_a_sidecar_with_a_fact_of_another_type_is_damaged(tmp_path: Path, place: tuple[str, ...], value: Any) -> None:
    store = stored(tmp_path, KEY)
    path = store.directory(KEY) / "engine.json"
    data = inner = json.loads(path.read_text())
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    path.write_text(json.dumps(data))
    assert store.find(KEY) is None
    assert why_unfit(store, dataclasses.replace(KEY, version="11.4")) == f"{KEY.name} is damaged"


def test_a_sidecar_that_json_cannot_be_read_from_is_damaged(tmp_path: Path) -> None:
    store = stored(tmp_path, KEY)
    (store.directory(KEY) / "engine.json").write_text("[" * 100_000)
    assert store.find(KEY) is None


def test_damaged_layers_do_not_cost_the_engine(tmp_path: Path) -> None:
    offered, store = stored(tmp_path / "bundle", KEY), EngineStore(tmp_path / "cache")
    (offered.directory(KEY) / "layers.json").write_bytes(b"\xff{")
    brought = offered.find(KEY)
    assert brought is not None
    store.copied(brought)
    assert store.find(KEY) is not None


def test_what_a_killed_process_left_of_an_engine_is_removed_before_its_next_build(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    another = dataclasses.replace(KEY, version="11.4")
    left, others = (store.root / f".{key.name}-a1b2" / "entry" for key in (KEY, another))
    for folder in (left, others):
        folder.mkdir(parents=True)
        (folder / "engine.plan").write_bytes(b"half")
    with store.building(KEY):
        assert not left.parent.exists()
    assert others.exists(), "another process may be writing it"


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", fail)
    store = EngineStore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.put(KEY, b"abc", SIDECAR, "{}")
    assert list(store.root.iterdir()) == []


def test_a_build_waits_for_another_of_the_same_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = EngineStore(tmp_path), EngineStore(tmp_path)
    turns: list[str] = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(store.building(KEY))

        def release(seconds: float) -> None:
            turns.append("waited")
            stack.close()

        monkeypatch.setattr(engines.time, "sleep", release)
        with other.building(KEY):
            turns.append("built")
    assert turns == ["waited", "built"]


def test_waiting_ends_with_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_LOCK_TIMEOUT_S", -1.0)
    store = EngineStore(tmp_path)
    with store.building(KEY):
        assert store.read_timings(KEY) == b"", "another lock, which is free"
        with pytest.raises(StorageError, match="Another process has held"):
            store.building(KEY).__enter__()


def test_timings_are_shared_and_merged(script: TensorRtScript, write_model: Any, tmp_path: Path) -> None:
    build(write_model(), tmp_path)
    build(write_model("other.onnx", extra=("Relu",)), tmp_path)
    (cache,) = (tmp_path / "engines").glob("timing-*.cache")
    assert set(json.loads(cache.read_text())["timings"]) == {"conv", "pool", "flatten", "linear", "extra_0"}


def test_timings_written_by_others_are_kept(
    script: TensorRtScript, write_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(write_model(extra=("Relu", "Relu")), tmp_path)
    (cache,) = (tmp_path / "engines").glob("timing-*.cache")
    # The build reads an empty cache; by the time it writes, another process has filled it.
    monkeypatch.setattr(EngineStore, "read_timings", lambda self, key: b"")
    build(write_model("other.onnx", shape=(2, 3, 8, 8)), tmp_path)
    assert "extra_1" in json.loads(cache.read_text())["timings"]


@pytest.mark.parametrize("content", [b"rubbish", b'{"made_for": "another GPU", "timings": {"conv": 1}}'])
def test_timings_of_another_machine_or_damaged_ones_are_started_afresh(
    script: TensorRtScript, write_model: Any, tmp_path: Path, content: bytes
) -> None:
    build(write_model(), tmp_path)
    (cache,) = (tmp_path / "engines").glob("timing-*.cache")
    cache.write_bytes(content)
    build(write_model("other.onnx", extra=("Relu",)), tmp_path)
    found = json.loads(cache.read_text())
    assert found["made_for"].startswith(script.version)
    assert "extra_0" in found["timings"]
