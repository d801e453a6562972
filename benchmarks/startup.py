"""How long commands and a trial's process take to start, compared with another checkout of this project.

    python benchmarks/startup.py --against ../other-checkout --starts 20

This interpreter starts both checkouts in turn, so that disturbances of the machine affect both alike. A trial's start
is the import of its module: everything before the first line of work. The table has the medians and their ratio, this
checkout over the other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]

# Modules of the measuring process: this checkout's, then those of older ones.
TRIAL_MODULES = ("harness.processes.trial_worker", "harness.worker")


def trial_module(checkout: Path) -> str:
    """The module that a trial's process runs in a checkout."""
    for name in TRIAL_MODULES:
        if checkout.joinpath(*name.split(".")).with_suffix(".py").is_file():
            return name
    raise SystemExit(f"{checkout} has none of {', '.join(TRIAL_MODULES)}")


def commands(checkout: Path) -> dict[str, list[str]]:
    """The arguments of each start, by its name in the table."""
    return {
        "list": ["-m", "harness", "list"],
        "--help": ["-m", "harness", "--help"],
        "trial": ["-c", f"import {trial_module(checkout)}"],
    }


def start_s(checkout: Path, arguments: list[str]) -> float:
    """Seconds from starting a process in the checkout to its end."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    begin_s = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=checkout, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begin_s


def main() -> None:
    """Measures the starts and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, metavar="PATH", help="the other checkout")
    parser.add_argument("--starts", type=int, default=20, metavar="N", help="starts of each kind (%(default)s)")
    arguments = parser.parse_args()
    checkouts = {"here": HERE, "there": arguments.against.resolve()}
    print("| start | here ms | there ms | ratio |\n|---|---:|---:|---:|")
    for name in commands(HERE):
        taken_s: dict[str, list[float]] = {side: [] for side in checkouts}
        for index in range(arguments.starts + 1):
            for side, checkout in sorted(checkouts.items(), reverse=bool(index % 2)):
                seconds = start_s(checkout, commands(checkout)[name])
                # The first pair fills the caches of bytecode and files.
                if index:
                    taken_s[side].append(seconds)
        here_s, there_s = (statistics.median(taken_s[side]) for side in ("here", "there"))
        print(f"| {name} | {1000 * here_s:.0f} | {1000 * there_s:.0f} | {here_s / there_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
