"""Reasons why a GPU does not run at its highest clock: NVML's clocks event reasons, formerly throttle reasons.

Bits and meaning: nvml.h, `nvmlClocksEventReasons`,
https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html, and `nvidia-smi --help-query-gpu`.
"""

from __future__ import annotations

IDLE = "gpu idle"

REASONS = {
    0x001: IDLE,
    0x002: "applications clocks setting",
    0x004: "sw power cap",
    0x008: "hw slowdown",
    0x010: "sync boost",
    0x020: "sw thermal slowdown",
    0x040: "hw thermal slowdown",
    0x080: "hw power brake slowdown",
    0x100: "display clock setting",
    0x200: "board limit",
    0x400: "reliability",
}

# The reasons that make a time unreliable: protections against heat or a failing supply, which come and go with the
# room and the chassis, and halve the clock or worse. `hw slowdown` is set together with either of its two kinds and
# by the fast trigger against a power peak, and may be set while the clock changes, which also disturbs a block.
#
# The other reasons are only recorded. Applications clocks, sync boost and display clocks are settings of the machine.
# The power cap, the board's limit and the voltage's reliability limit a card that runs as fast as it may: a network
# that reaches its power limit reaches it in every block, so a repetition would give the same result, and the limit
# belongs to the environment. An idle GPU means only that it was read between two blocks.
CONTAMINATING = frozenset({"hw slowdown", "sw thermal slowdown", "hw thermal slowdown", "hw power brake slowdown"})

THERMAL_VIOLATION = "thermal violation"
"""Not a bit: the driver's counter of time spent below the clock because of heat has moved."""


def decode(mask: int) -> tuple[str, ...]:
    """The reasons in a bit mask, in order of their bits; an unknown bit of a newer driver is given by its number."""
    bits = [1 << position for position in range(mask.bit_length()) if mask >> position & 1]
    return tuple(REASONS.get(bit, f"reason {bit:#x}") for bit in bits)
