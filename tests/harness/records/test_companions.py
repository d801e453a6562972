"""What a series is measured with besides its artifact is part of what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import ArtifactError
from harness.records.companions import with_companions
from harness.records.series import Series
from harness.records.sharing import measured_as

PLAIN = Series("onnx/a", "onnx", "a", "onnxruntime", "fp32", 1, artifact_sha256="d" * 64, artifact_path="a.onnx")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    np.save(tmp_path / "zeros.npy", np.zeros(3))
    np.save(tmp_path / "ones.npy", np.ones(3))
    np.save(tmp_path / "again.npy", np.ones(3))
    (tmp_path / "ops.so").write_bytes(b"one version")
    (tmp_path / "newer.so").write_bytes(b"another")
    return {path.stem: str(path) for path in tmp_path.iterdir()}


def test_a_series_without_companions_keeps_its_key() -> None:
    assert with_companions(PLAIN, "", "") == PLAIN
    assert PLAIN.key == f"onnx/a|{'d' * 16}|onnxruntime|fp32|b1"


def test_other_ranges_files_and_libraries_are_other_series(files: dict[str, str]) -> None:
    stated = [
        ("", ""), ("0:255", ""), ("0:1", ""), (files["zeros"], ""), (files["ones"], ""), ("", files["ops"]),
        ("", files["newer"]), ("0:1", files["ops"]), (files["ones"], files["ops"]),
    ]  # fmt: skip
    found = [with_companions(PLAIN, *one) for one in stated]
    assert len({one.key for one in found}) == len({one.measurement for one in found}) == len(stated)
    owners = measured_as(found, {})
    assert all(owners[one.key] == one for one in found), "none shows the trials of another"


def test_a_file_counts_by_its_content(files: dict[str, str]) -> None:
    one, same = (with_companions(PLAIN, files[name], "") for name in ("ones", "again"))
    assert (one.key, one.held) == (same.key, same.held)
    Path(files["ops"]).write_bytes(b"rebuilt")
    rebuilt = with_companions(PLAIN, "", files["ops"])
    Path(files["ops"]).write_bytes(b"one version")
    assert with_companions(PLAIN, "", files["ops"]).key != rebuilt.key


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"--input .*gone\.npy: No such file"):
        with_companions(PLAIN, str(tmp_path / "gone.npy"), "")
    with pytest.raises(ArtifactError, match=r"--custom-operators .*gone\.so: No such file"):
        with_companions(PLAIN, "", str(tmp_path / "gone.so"))
