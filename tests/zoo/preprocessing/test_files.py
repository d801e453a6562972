from __future__ import annotations

from pathlib import Path

import pytest

from zoo.preprocessing.files import images_below, is_image


@pytest.mark.parametrize(
    ("name", "expected"), [("a.JPEG", True), ("n1/b.png", True), ("c.txt", False), (".d.png", False), ("png", False)]
)
def test_images_are_recognised_by_their_suffix(name: str, expected: bool) -> None:
    assert is_image(name) is expected


def test_images_of_subfolders_are_found_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/one.png", "a.webp", "notes.md"):
        (tmp_path / name).touch()
    assert images_below(tmp_path) == (tmp_path / "a.webp", tmp_path / "b" / "one.png")
