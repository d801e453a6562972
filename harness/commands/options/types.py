"""Types of the options of several commands."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence

from foundation.vocabulary import PRECISIONS
from harness.errors import HarnessError
from harness.processes import inputs


def duration_s(text: str) -> float:
    """Seconds of `90`, `90s`, `10m` or `1.5h`.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write 90s, 10m or 1.5h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def count(text: str) -> int:
    """A positive integer.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def capabilities(text: str) -> tuple[str, ...]:
    """Compute capabilities of GPUs, in ascending order: `("sm86", "sm120")` of `sm120,8.6`.

    Raises:
        argparse.ArgumentTypeError: one of them is anything else.
    """
    numbers = set()
    for part in text.split(","):
        match = re.fullmatch(r"(?:sm_?(\d{2,3}))|(\d{1,2})\.(\d)", part.strip(), re.IGNORECASE)
        if not match:
            raise argparse.ArgumentTypeError(f"{part.strip()!r} is not a compute capability; write sm86 or 8.6")
        numbers.add(int(match[1] or match[2] + match[3]))
    return tuple(f"sm{number}" for number in sorted(numbers))


def some_of(choices: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """The type of an option that takes one of the choices or several: `("a", "b")` of `a,b`."""

    def some(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
        if wrong := [one for one in found if one not in choices]:
            raise argparse.ArgumentTypeError(
                f"{wrong[0]!r} is none of {', '.join(choices)}; several with commas between"
            )
        return found

    return some


def add_choice(
    group: argparse._ActionsContainer, option: str, choices: Sequence[str], *, several: bool, one: str, more: str
) -> None:
    """Adds an option that takes one of the choices, or of some commands several; `as_several` reads it.

    Args:
        group: where it is added.
        option: its name.
        choices: its values.
        several: whether the command takes several.
        one: its help.
        more: what several of them are, for the help of a command that takes several.
    """
    if several:
        shown = f"{{{','.join(choices)}}}"
        group.add_argument(
            option, type=some_of(choices), metavar=shown, help=f"{one}; {more}: {choices[0]},{choices[1]}"
        )
    else:
        group.add_argument(option, choices=choices, help=one)


def as_several(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The values of an option that takes one or several; none if the user left it open."""
    return (value,) if isinstance(value, str) else value or ()


def precisions(text: str) -> tuple[str, ...]:
    """Precisions below fp32: `("fp16", "int8")` of `fp16,int8`.

    Raises:
        argparse.ArgumentTypeError: one of them is anything else.
    """
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if wrong := [one for one in found if one not in PRECISIONS[1:]]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is not {' or '.join(PRECISIONS[1:])}; write fp16,int8 for both")
    return found


def milliseconds(text: str) -> float:
    """A time of more than 0 ms, a number without a unit.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of milliseconds")
    return value


def percent(text: str) -> float:
    """A number of percent, 0 or more.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    value = _number(text)
    if value is None or not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage of 0 or more")
    return value


def rate(text: str) -> float:
    """A probability between 0 and 1, both excluded.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    value = _number(text)
    if value is None or not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a probability; write 0.01 for one in a hundred")
    return value


def named_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """The name of an input and its shape: `("images:0", (1, 3, 224, 224))` of `images:0:1x3x224x224`.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    name, _, shape = text.rpartition(":")
    if not name or not re.fullmatch(r"[1-9]\d*([x,][1-9]\d*)*", shape, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"{text!r} is not a shape; write NAME:1x3x224x224")
    return name, tuple(int(size) for size in re.split("[x,]", shape, flags=re.IGNORECASE))


def value_range(text: str) -> str:
    """A range of numbers, `LOW:HIGH`, or one for each channel with commas between them.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    try:
        return str(inputs.Feed.of(text))
    except HarnessError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def array_file(text: str) -> str:
    """The path of a file of arrays, whole.

    Raises:
        argparse.ArgumentTypeError: it is not one that numpy writes.
    """
    try:
        return inputs.array_file(text)
    except HarnessError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        return None
