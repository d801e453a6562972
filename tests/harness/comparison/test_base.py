from __future__ import annotations

import itertools
from typing import Any

from harness.comparison.base import base_order
from harness.records.series import Series


def series(**facts: Any) -> Series:
    common = {"model": "a/x", "source": "a", "variant": "x", "backend": "onnxruntime", "precision": "fp32", "batch": 1}
    return Series(**{**common, "implementation": "package", "weights": "released", "artifact_sha256": "5", **facts})


def test_each_is_the_base_of_those_after_it() -> None:
    wanted = [
        series(),
        series(artifact_sha256="6"),
        series(batch=8),
        series(weights="file"),
        series(implementation="release"),
        series(precision="fp16"),
        series(precision="fp16", implementation="release", batch=8),
        series(precision="int8"),
        series(precision="fp4"),
    ]
    for order in itertools.islice(itertools.permutations(wanted), 0, None, 997):
        assert sorted(order, key=base_order) == wanted
