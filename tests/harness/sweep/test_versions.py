from __future__ import annotations

import pytest

from foundation.packages import package_version
from harness.errors import HarnessError
from harness.sweep.versions import asked_versions, order_of, same_release


def test_versions_are_in_the_order_of_their_numbers() -> None:
    asked = asked_versions(["1.30.0, 1.9.1", "1.28.0"], "onnxruntime")
    assert [one.text for one in asked] == ["1.9.1", "1.28.0", "1.30.0"]
    assert not any(one.is_installed for one in asked)


def test_the_order_is_that_of_pip() -> None:
    phases = ["1.0.dev1", "1.0a1.dev2", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1.dev1", "1.0.post1"]
    order = [*phases, "1.0.1", "1.10"]
    assert sorted(sorted(order), key=order_of) == order


def test_the_installed_version_is_found() -> None:
    asked = asked_versions(["installed,1.0.0"], "onnxruntime")
    assert [(one.text, one.is_installed) for one in asked] == [
        ("1.0.0", False),
        (package_version("onnxruntime"), True),
    ]
    with pytest.raises(HarnessError, match="nowhere is not installed in this environment"):
        asked_versions(["installed,1.0.0"], "nowhere")


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["1.28.0"], "give two or more versions of onnxruntime"),
        ([], "give two or more versions"),
        (["1.28.0,,1.28"], "1.28.0 and 1.28 is the same version of onnxruntime twice"),
        (["1.28.0,1.28.0"], "1.28.0 is the same version"),
        (["1.28.0,newest"], "'newest' is not a version number of onnxruntime; write 1.23.2,1.28.0, or installed"),
        (["1.28.0,>=1.30"], "'>=1.30' is not a version number"),
        (["1.28.0,1.30 --index-url=x"], "is not a version number"),
    ],
)
def test_nonsense_is_refused(texts: list[str], told: str) -> None:
    with pytest.raises(HarnessError) as refused:
        asked_versions(texts, "onnxruntime")
    assert told in str(refused.value)


def test_a_post_release_states_the_number_of_its_release() -> None:
    assert same_release("1.30.0.post1", "1.30")
    assert not same_release("1.30.0", "1.3.0")
    assert not same_release("unknown", "1.3.0")
