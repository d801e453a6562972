"""How long the whole zoo takes on 50,000 images with up to 64 hosts, simulated from measured times of the pieces.

    python benchmarks/scaling.py docs/results/2026-11-30/results.csv

Measured: the latency and the time to open of every network, and the time of its conversion, from the rows of a run;
the time to put predictions together, here and now. Simulated: hosts whose speeds differ, each taking the next piece
when it is free; a bundle that the hosts get one after another over the link of the host that has it.
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from foundation.units import BYTES_PER_MIB
from harness.accuracy.predictions import PredictionTable, read_predictions, write_predictions

IMAGES = 50_000
HOSTS = (1, 2, 4, 8, 16, 32, 64)
PIECES_PER_HOST = (4, 16)
LINKS_GBIT_PER_S = (1.0, 10.0)

SPREAD_OF_HOSTS = 0.1
"""Standard deviation of the logarithm of the hosts' speeds."""

START_S = 3.0
"""Seconds from a piece's command to its first network: two processes (docs/evidence.md, "Accuracy in one pass")."""

DECODING_S = 6.0 / 512
"""Processor time of one image's decoding and resizing for 20 networks (the same section), beside the inferences."""

CORES = 2
"""Cores of the hosts that the times were measured on."""


@dataclasses.dataclass(frozen=True)
class Times:
    """What was measured of one zoo."""

    image_s: float
    """Seconds of one image in all networks, one after another."""
    opening_s: float
    """Seconds to open all networks."""
    conversions_s: Sequence[float]
    """Seconds of each network's conversion."""
    bundle_mib: float
    """All artifacts together."""
    join_s: float
    """Seconds to put together the predictions of one network, per piece."""
    networks: int

    @classmethod
    def of(cls, rows: pd.DataFrame, join_s: float) -> Times:
        """The times of native FP32 networks in ONNX Runtime, each artifact once where it is shared."""
        chosen = rows[(rows.backend == "onnxruntime") & (rows.precision == "fp32") & (rows.graph == "native")]
        distinct = chosen.drop_duplicates("artifact_sha256")
        return cls(
            image_s=chosen.latency_median_ms.sum() / 1e3,
            opening_s=chosen.load_s.sum(),
            conversions_s=tuple(distinct.conversion_s),
            bundle_mib=distinct.artifact_mib.sum(),
            join_s=join_s,
            networks=len(chosen),
        )


def finish_s(durations_s: Sequence[float], speeds: Sequence[float], ready_s: Sequence[float]) -> float:
    """When the last piece ends, if every host takes the next one as soon as it is free.

    Args:
        durations_s: seconds of each piece on a host of speed 1, in the order in which they are handed out.
        speeds: the speed of each host.
        ready_s: when each host can begin.
    """
    free = [(ready, host) for host, ready in enumerate(ready_s)]
    heapq.heapify(free)
    last = 0.0
    for duration_s in durations_s:
        now, host = heapq.heappop(free)
        now += duration_s / speeds[host]
        last = max(last, now)
        heapq.heappush(free, (now, host))
    return last


def host_speeds(hosts: int) -> list[float]:
    """Speeds of hosts of one kind; the first is 1."""
    drawn = random.Random(0)
    return [1.0, *(float(np.exp(drawn.gauss(0.0, SPREAD_OF_HOSTS))) for _ in range(hosts - 1))]


def simulated(times: Times, hosts: int, link_gbit_per_s: float, pieces_per_host: int) -> dict[str, float]:
    """Seconds of each stage with a number of hosts."""
    speeds = host_speeds(hosts)
    # Two conversions at a time on two cores: a host is two workers.
    workers = [speed for speed in speeds for _ in range(CORES)]
    conversion_s = finish_s(sorted(times.conversions_s, reverse=True), workers, [0.0] * len(workers))
    copy_s = times.bundle_mib * BYTES_PER_MIB * 8 / (link_gbit_per_s * 1e9)
    # The first host has the bundle, the others get it one after another.
    ready_s = [copy_s * host for host in range(hosts)]
    pieces = pieces_per_host * hosts if hosts > 1 else 1
    # One thread decodes beside the networks; what it takes from them is a share of the cores.
    piece_s = START_S + times.opening_s + IMAGES / pieces * (times.image_s + DECODING_S / CORES)
    evaluation_s = finish_s([piece_s] * pieces, speeds, ready_s)
    merging_s = times.networks * pieces * times.join_s if pieces > 1 else 0.0
    total_s = conversion_s + evaluation_s + merging_s
    return {
        "link_gbit_per_s": link_gbit_per_s,
        "pieces_per_host": pieces_per_host,
        "hosts": hosts,
        "conversion_s": conversion_s,
        "sending_s": ready_s[-1],
        "sent_gib": times.bundle_mib * (hosts - 1) / 1024,
        "evaluation_s": evaluation_s,
        "merging_s": merging_s,
        "total_s": total_s,
    }


def measured_join_s(pieces: int = 64, images: int = IMAGES) -> float:
    """Seconds per piece to read the predictions of one network from all pieces and write them as one."""
    top = np.arange(images * 5, dtype=np.int32).reshape(images, 5) % 1000
    names = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(images)]
    with tempfile.TemporaryDirectory() as folder:
        bounds = np.linspace(0, images, pieces + 1).astype(int)
        paths = [Path(folder, f"{piece}.parquet") for piece in range(pieces)]
        for path, start, stop in zip(paths, bounds, bounds[1:], strict=False):
            write_predictions(path, _table(names[start:stop], top[start:stop]))
        began = time.perf_counter()
        tables = [read_predictions(path) for path in paths]
        joined = [name for table in tables for name in table.names]
        write_predictions(Path(folder, "whole.parquet"), _table(joined, np.concatenate([one.top for one in tables])))
        return (time.perf_counter() - began) / pieces


def _table(names: Sequence[str], top: np.ndarray) -> PredictionTable:
    return PredictionTable(names, top[:, 0], top, np.ones(len(names), np.bool_), {"classes": 1000})


def report(times: Times) -> pd.DataFrame:
    """The stages for each number of hosts and link."""
    rows = [
        simulated(times, hosts, link, pieces)
        for link in LINKS_GBIT_PER_S
        for pieces in PIECES_PER_HOST
        for hosts in HOSTS
    ]
    table = pd.DataFrame(rows)
    alone = table.groupby(["link_gbit_per_s", "pieces_per_host"]).total_s.transform("first")
    table["speed_up"] = alone / table.total_s
    table["efficiency_percent"] = 100 * table.speed_up / table.hosts
    return table


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results.csv of a run of the zoo")
    asked = parser.parse_args()
    times = Times.of(pd.read_csv(asked.results), measured_join_s())
    print(
        f"{times.networks} networks: {times.image_s:.2f} s an image, {times.opening_s:.0f} s to open all, "
        f"{sum(times.conversions_s):.0f} s of conversions, {times.bundle_mib / 1024:.1f} GiB; "
        f"{1e3 * times.join_s:.2f} ms to put together one network's predictions, a piece\n"
    )
    table = report(times).round(1)
    print("| " + " | ".join(table.columns) + " |\n" + "|---:" * len(table.columns) + "|")
    for row in table.itertuples(index=False):
        print("| " + " | ".join(f"{value:,.10g}" for value in row) + " |")


if __name__ == "__main__":
    main()
