"""How the series of a run are measured, and when to stop."""

from __future__ import annotations

import argparse
import dataclasses

from harness.commands.options.runtime import RuntimeOptions
from harness.commands.options.types import count, duration_s, milliseconds, percent
from harness.runs.protocols import PROTOCOLS
from harness.runs.request import DEFAULT_BUDGET_S, DEFAULT_ROUNDS, RunRequest
from harness.timing.settings import TimingSettings


@dataclasses.dataclass(frozen=True)
class MeasuringOptions:
    """The rounds of a run and its trials."""

    protocol: str | None
    """Name in `harness.runs.protocols`."""
    runtime: RuntimeOptions
    rounds: int
    """Maximum number of trials of each series."""
    budget_s: float
    half_width_percent: float
    """Half width of its ratio's interval at which a series is done."""
    timing: TimingSettings
    trial_timeout_s: float
    wait: bool
    """Whether a trial waits for other measurements on its device."""

    @staticmethod
    def add(parser: argparse.ArgumentParser) -> None:
        """Adds the group `measuring` of a run."""
        group = parser.add_argument_group("measuring")
        group.add_argument(
            "--protocol",
            choices=PROTOCOLS,
            help="measure as published: " + "; ".join(f"{name} ({p.stated_in})" for name, p in PROTOCOLS.items()),
        )
        RuntimeOptions.add(group, several=True)
        group.add_argument(
            "--rounds",
            type=int,
            default=DEFAULT_ROUNDS,
            metavar="N",
            help="maximum number of trials of each series (%(default)s); usable after the first, better after each",
        )
        group.add_argument(
            "--budget",
            type=duration_s,
            default=DEFAULT_BUDGET_S,
            metavar="TIME",
            help="start no more rounds after TIME of measuring (10m); the first is always finished",
        )
        group.add_argument(
            "--half-width",
            type=percent,
            default=RunRequest.half_width_percent,
            metavar="PERCENT",
            help="a series is done once its ratio's interval is as narrow as +- this (%(default)s)",
        )
        add_no_wait(group, "trial")
        add_blocks(group, "trial")
        group.add_argument(
            "--trial-timeout", type=duration_s, default=300.0, metavar="TIME", help="time limit of one trial (5m)"
        )

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> MeasuringOptions:
        """The record of parsed arguments."""
        return cls(
            protocol=arguments.protocol,
            runtime=RuntimeOptions.read(arguments),
            rounds=arguments.rounds,
            budget_s=arguments.budget,
            half_width_percent=arguments.half_width,
            timing=read_timing(arguments),
            trial_timeout_s=arguments.trial_timeout,
            wait=arguments.wait,
        )


def add_blocks(group: argparse._ArgumentGroup, unit: str) -> None:
    """Adds --block-ms and --block-groups; `unit` is what is measured in groups of blocks."""
    timing = TimingSettings()
    group.add_argument(
        "--block-ms", type=milliseconds, default=timing.block_ms, help="length of a timed block (%(default)s)"
    )
    group.add_argument(
        "--block-groups",
        type=count,
        default=timing.groups,
        help=f"ABBA groups of blocks in a {unit} (%(default)s)",
    )


def add_no_wait(group: argparse._ArgumentGroup, unit: str) -> None:
    """Adds --no-wait; `unit` is what holds the device's lock."""
    group.add_argument(
        "--no-wait",
        dest="wait",
        action="store_false",
        help=f"refuse a device that another measurement is timing on, rather than wait with each {unit} for its turn",
    )


def read_timing(arguments: argparse.Namespace) -> TimingSettings:
    """The timing settings that `add_blocks` leaves to the user."""
    return TimingSettings(block_ms=arguments.block_ms, groups=arguments.block_groups)
