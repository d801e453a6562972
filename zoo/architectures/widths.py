"""The rounding of widths that the families share: MobileNet's `make_divisible`."""

from __future__ import annotations

import math


def round_width(width: float, divisor: int = 8, smallest_share: float = 0.9) -> int:
    """The multiple nearest to a width, ties upwards, or the next one where that loses too much.

    Args:
        width: in channels.
        divisor: of what the result is a multiple, and the least that it is.
        smallest_share: of the width, which the result does not fall below.
    """
    rounded = max(math.floor(width / divisor + 0.5), 1) * divisor
    return rounded + divisor if rounded < smallest_share * width else rounded
