from __future__ import annotations

import pytest

from zoo.architectures.widths import round_width


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (3, 8),  # never below the divisor
        (8, 8),
        (9, 16),  # 8 would lose more than a tenth
        (11.2, 16),
        (12, 16),  # ties go up
        (17, 16),
        (17.6, 16),
        (18, 24),
        (19.9, 24),
        (31.44, 32),
        (83.9, 80),
        (103.2, 104),
        (96 * 7.67, 736),
        (704 * 3.82, 2688),
    ],
)
def test_widths_round_to_eight_and_lose_no_more_than_a_tenth(width, expected):
    assert round_width(width) == expected


def test_a_stricter_share_takes_the_next_multiple_earlier():
    assert round_width(43.0) == 40  # 0.93 of it
    assert round_width(43.0, smallest_share=0.95) == 48
