"""The series of a request's conversions."""

from __future__ import annotations

from pathlib import Path

from harness.artifacts.conversions import convert_variants
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
