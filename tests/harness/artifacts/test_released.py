"""Released weights of a run: fetched before anything is converted, with one warning if they are not available."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import zoo
from harness.artifacts.facts import facts_of_conversion
from harness.artifacts.released import with_weights
from harness.artifacts.request import ArtifactRequest

MODELS = ("regnet/RegNetX-200MF", "regnet/RegNetY-200MF", "efficientnet_x/efficientnet-x-b0", "alphanet/a0")
PUBLISHED = "regnet/RegNetX-200MF"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror that holds one model's checkpoint, with numbers that are not the probe's."""
    monkeypatch.delenv("BASELINE_ZOO_MIRROR", raising=False)
    from zoo.checkpoints.location import locate

    model = zoo.load(PUBLISHED)
    path = tmp_path / "mirror" / locate(model.card).path
    path.parent.mkdir(parents=True)
    torch.save({"model_state": {name: t * 1.25 for name, t in model.module.state_dict().items()}}, path)
    return tmp_path / "mirror"


def asked(weights: str, mirror: Path) -> ArtifactRequest:
    return ArtifactRequest(models=MODELS, weights=weights, mirror=str(mirror))


def test_unavailable_released_weights_are_rows_with_reasons(mirror: Path, tmp_path: Path) -> None:
    told: list[str] = []
    found = with_weights(asked("released", mirror), tmp_path / "cache", told.append)
    (conversion,) = found.conversions
    assert (conversion.model, conversion.weights_kind) == (PUBLISHED, "released")
    assert conversion.released is not None
    assert conversion.released.path.is_file()
    assert conversion.released.url == zoo.card(PUBLISHED).checkpoint.url
    ends = {one.request.model: (one.status, one.reason) for one in found.failed}
    assert set(ends) == set(MODELS) - {PUBLISHED}
    assert ends["efficientnet_x/efficientnet-x-b0"][0] == "unsupported"
    assert "was ever published; --weights auto" in ends["efficientnet_x/efficientnet-x-b0"][1]
    status, reason = ends["regnet/RegNetY-200MF"]
    assert status == "failed"
    assert str(mirror) in reason
    (line,) = told
    assert line.startswith(
        "warning: 3 of 4 models have no weights: 1 were never published; 2 are not available, the first"
    )
    row = facts_of_conversion(found.failed[0], "onnxruntime")
    assert (row.status in ("failed", "unsupported"), row.reason != "") == (True, True)


def test_auto_falls_back_to_the_probe_and_says_so_once(mirror: Path, tmp_path: Path) -> None:
    told: list[str] = []
    found = with_weights(asked("auto", mirror), tmp_path / "cache", told.append)
    assert found.failed == []
    kinds = {one.model: one.weights_kind for one in found.conversions}
    assert kinds == {name: "released" if name == PUBLISHED else "probe" for name in MODELS}
    (line,) = told
    assert line.startswith("warning: 3 of 4 models get the probe's seeded weights: ")


def test_available_weights_need_no_warning(mirror: Path, tmp_path: Path) -> None:
    told: list[str] = []
    request = ArtifactRequest(models=(PUBLISHED,), weights="auto", mirror=str(mirror))
    with_weights(request, tmp_path / "cache", told.append)
    assert told == ["weights: the released ones of all 1 models are available"]


def test_the_probe_and_own_models_fetch_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    probed = with_weights(ArtifactRequest(models=MODELS), tmp_path / "cache", told.append)
    own = with_weights(ArtifactRequest(own_models=("m:f",), weights="released"), tmp_path / "cache", told.append)
    assert [one.weights_kind for one in probed.conversions] == ["probe"] * 4
    assert [one.model for one in own.conversions] == ["m:f"]
    assert (told, list(tmp_path.iterdir())) == ([], [])


def test_offline_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASELINE_ZOO_MIRROR", raising=False)
    found = with_weights(
        ArtifactRequest(models=(PUBLISHED,), weights="released"), tmp_path, lambda _: None, offline=True
    )
    assert [one.request.model for one in found.failed] == [PUBLISHED]


def test_a_missing_package_is_named(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.errors import HarnessError

    def without(*_args: object) -> object:
        raise ModuleNotFoundError("No module named 'filelock'", name="filelock")

    monkeypatch.setattr("zoo.checkpoints.batch.fetch_many", without)
    with pytest.raises(HarnessError, match=r"--weights auto needs filelock, .*pip install 'baseline-zoo\[weights\]'"):
        with_weights(asked("auto", mirror), tmp_path / "cache", lambda _: None)


def test_a_conversion_continues_with_the_models_that_are_available(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.__main__ import main

    models = f"{PUBLISHED},efficientnet_x/efficientnet-x-b0"
    places = ["--mirror", str(mirror), "--cache-dir", str(tmp_path / "cache")]
    asked = ["convert", "--models", models, "--weights", "released", "--exporter", "torchscript", *places]
    assert main(asked) == 1
    printed = capsys.readouterr()
    ends = dict(line.split("\t") for line in printed.out.splitlines())
    assert ends["efficientnet_x/efficientnet-x-b0"].startswith("unsupported: no checkpoint of efficientnet_x")
    assert Path(ends[PUBLISHED]).is_file()
    assert "1 of 2 models have no weights: 1 were never published" in printed.err
    assert main([*asked, "--models", "regnet/RegNetY-200MF"]) == 1
    assert "from the cache" in capsys.readouterr().err
