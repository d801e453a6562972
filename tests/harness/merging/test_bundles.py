"""Bundles of shards of a conversion, put together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from foundation.digests import file_sha256
from foundation.shard import Shard
from harness.__main__ import main
from harness.artifacts.bundle import BUNDLE_NAME, read_bundle
from harness.artifacts.bundle_writer import BundleWriter
from harness.artifacts.model_shard import ModelShard
from harness.errors import BundleError, MergeError
from harness.merging.merge import merge
from harness.records.series import Series

NAMES = ("fbnet/a", "gpunet/GPUNet-0", "ofa/b", "regnet/RegNetX-200MF")


@pytest.fixture
def export(tmp_path: Path, converted: Callable[..., Series]) -> Callable[..., Path]:
    """Writes a bundle of some of the models, whose artifacts depend on their names alone."""

    def write(name: str, models: Sequence[str], shard: str = "", order: Sequence[str] = NAMES, **facts: object) -> Path:
        with BundleWriter(tmp_path / name) as writer:
            writer.begin(ModelShard(Shard.of(shard), tuple(order)) if shard else None)
            for model in models:
                writer.add(converted(model, weight=float(len(model)), **facts), ["all"])
        return tmp_path / name

    return write


@pytest.fixture
def shards(export) -> list[Path]:
    return [export("first", NAMES[1::2], "1/2"), export("second", NAMES[::2], "2/2")]


def test_the_whole_is_what_one_export_writes(export, shards, tmp_path):
    alone = export("alone", NAMES)
    merge(shards, tmp_path / "whole")
    for name in {str(file.relative_to(alone)) for file in alone.rglob("*") if file.is_file()} - {".lock"}:
        assert file_sha256(tmp_path / "whole" / name) == file_sha256(alone / name)
    bundle = read_bundle(tmp_path / "whole")
    bundle.check_files(bundle.models)
    assert bundle.shard is None


def test_a_missing_shard_is_named(shards, tmp_path):
    with pytest.raises(MergeError, match="of the shards of the models, 1/2 is missing: give all 2 folders"):
        merge(shards[1:], tmp_path / "whole")


def test_an_export_that_was_interrupted_is_named(export, shards, tmp_path):
    shutil.rmtree(shards[1])
    export("second", NAMES[2:3], "2/2")
    with pytest.raises(MergeError, match="fbnet/a is in none of the folders: a shard has not ended"):
        merge(shards, tmp_path / "whole")
    export("second", NAMES[:1], "2/2")
    merge(shards, tmp_path / "whole")


def test_other_artifacts_of_a_model_are_refused(export, shards, tmp_path):
    other = tmp_path / "elsewhere"
    shutil.copytree(shards[0], other)
    index = json.loads((other / BUNDLE_NAME).read_text())
    path = other / index["models"][0]["artifact"]["path"]
    path.write_bytes(path.read_bytes() + b" ")
    index["models"][0]["artifact"] |= {"sha256": file_sha256(path), "size_bytes": path.stat().st_size}
    (other / BUNDLE_NAME).write_text(json.dumps(index))
    with pytest.raises(
        MergeError, match=r"gpunet/GPUNet-0 .* is artifact .* in .*first and artifact .* in .*elsewhere"
    ):
        merge([*shards, other], tmp_path / "whole")


def test_a_damaged_file_is_refused(shards, tmp_path):
    next(shards[0].glob("models/*.onnx")).write_bytes(b"")
    with pytest.raises(BundleError, match="first is not as it was exported"):
        merge(shards, tmp_path / "whole")


def test_shards_of_other_models_are_refused(export, shards, tmp_path):
    other = export("third", NAMES[::2], "2/2", order=NAMES[:3])
    with pytest.raises(MergeError, match="shards of different models; begin all with the same options"):
        merge([shards[0], other], tmp_path / "whole")


def test_a_bundle_keeps_to_its_shard(shards):
    with (
        BundleWriter(shards[0]) as writer,
        pytest.raises(BundleError, match="first holds shard 1/2 of 4 models from fbnet/a on, and now all models is"),
    ):
        writer.begin(None)


def test_a_run_and_a_bundle_are_not_put_together(shards, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(MergeError, match=r"run is a run, .*first is a bundle: give folders of one kind"):
        merge([tmp_path / "run", shards[0]], tmp_path / "whole")


@pytest.mark.slow
def test_the_conversion_itself_shared_out(tmp_path):
    """Real conversions, by the command."""
    models = "regnet/RegNetX-200MF,fbnet/fbnet_a"
    places = ["--cache-dir", str(tmp_path / "cache")]
    for number in (1, 2):
        words = ["convert", "--models", models, "--shard", f"{number}/2", "--export", str(tmp_path / f"part{number}")]
        assert main([*words, *places]) == 0
    assert main(["convert", "--models", models, "--export", str(tmp_path / "alone"), *places]) == 0
    parts = [str(tmp_path / f"part{number}") for number in (1, 2)]
    assert main(["merge", *parts, "--output", str(tmp_path / "whole")]) == 0
    assert [len(read_bundle(Path(part)).models) for part in parts] == [1, 1]
    assert json.loads((tmp_path / "whole" / BUNDLE_NAME).read_text()) == json.loads(
        (tmp_path / "alone" / BUNDLE_NAME).read_text()
    )
