from __future__ import annotations

import pynvml
import pytest

from harness.machine.gpu import clock_events


@pytest.mark.parametrize(
    ("mask", "reasons"),
    [
        (0, ()),
        (0x4, ("sw power cap",)),
        (0x21, ("gpu idle", "sw thermal slowdown")),
        (0x48, ("hw slowdown", "hw thermal slowdown")),
        (0x8000, ("reason 0x8000",)),
    ],
)
def test_a_mask_is_decoded_in_the_order_of_its_bits(mask: int, reasons: tuple[str, ...]) -> None:
    assert clock_events.decode(mask) == reasons


def test_the_bits_are_those_of_the_real_module() -> None:
    names = {name for name in dir(pynvml) if name.startswith("nvmlClocksThrottleReason")}
    names -= {f"nvmlClocksThrottleReason{word}" for word in ("None", "All", "UserDefinedClocks")}
    spoken = {getattr(pynvml, name): name.removeprefix("nvmlClocksThrottleReason").lower() for name in names}
    # A release of the module may define fewer.
    assert spoken.items() <= {bit: words.replace(" ", "") for bit, words in clock_events.REASONS.items()}.items()
    assert len(spoken) >= 9


def test_what_contaminates_is_among_the_reasons() -> None:
    assert set(clock_events.REASONS.values()) > clock_events.CONTAMINATING
