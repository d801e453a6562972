"""The series of a request's conversions."""

from __future__ import annotations

from pathlib import Path

from converters.artifact import MODEL_FILE, ArtifactStore
from converters.request import key_of
from harness.artifacts.conversions import all_stored, convert_variants
from harness.artifacts.request import ArtifactRequest
from harness.artifacts.variants import variants

UNPUBLISHED = "efficientnet_x/efficientnet-x-b0"


def test_an_artifact_of_two_precisions_is_a_series_in_each(tmp_path: Path) -> None:
    wanted = ArtifactRequest(models=(UNPUBLISHED,), backend="openvino", weights="released")
    requests = variants(wanted, {"precision": ("fp32", "bf16")})
    assert requests[0].conversions() == requests[1].conversions()
    found = convert_variants(requests, tmp_path, lambda _: None)
    assert [(one.model, one.backend, one.precision) for one in found] == [
        (UNPUBLISHED, "openvino", "fp32"),
        (UNPUBLISHED, "openvino", "bf16"),
    ]


def test_what_is_stored_needs_no_conversion(tmp_path: Path) -> None:
    wanted = ArtifactRequest(models=("regnet/RegNetX-200MF", "regnet/RegNetY-200MF"))
    store = ArtifactStore(tmp_path)
    for conversion in wanted.conversions():
        assert not all_stored([wanted], tmp_path)
        staged, key = store.staging(), key_of(conversion)
        (staged / MODEL_FILE).write_bytes(conversion.model.encode())
        assert key
        store.put(key, staged, {})
    assert all_stored([wanted], tmp_path)
    assert not all_stored([wanted, ArtifactRequest(models=("regnet",))], tmp_path)
    assert not all_stored([ArtifactRequest(models=(UNPUBLISHED,), weights="released")], tmp_path)
