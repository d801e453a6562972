from __future__ import annotations

import numpy as np

from foundation.packages import package_version


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert package_version("no-such-package") is None


def test_an_installed_one_has_its_own() -> None:
    assert package_version("numpy") == np.__version__
