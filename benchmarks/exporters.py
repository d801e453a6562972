"""Both PyTorch exporters on many models: seconds, MiB, operators, agreement, and latency side by side.

    python benchmarks/exporters.py --models smoke
    python benchmarks/exporters.py --models all --cache-dir DIR --workers 2

Models in the cache directory are not converted again: their rows have the seconds of the original conversion,
and no peak memory.

The two artifacts of a model are timed in one process, in alternating blocks, so that changes of the machine's
speed cancel.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pandas as pd
from trials import measure

import zoo
from converters.pool import Conversion, PoolSettings, convert_many
from converters.pytorch import EXPORTERS
from converters.request import ConversionRequest


def converted(names: list[str], exporter: str, cache_dir: Path, workers: int) -> dict[str, Conversion]:
    """Converts every model; one at a time by default, since parallel conversions disturb each other's times."""
    requests = [ConversionRequest(name, exporter=exporter) for name in names]
    found = {}
    for conversion in convert_many(requests, cache_dir, PoolSettings(workers=workers)):
        found[conversion.request.model] = conversion
        print(f"{exporter} {conversion.request.model}: {conversion.status} {conversion.seconds:.1f} s", flush=True)
    return found


def latency_ratio(dynamo: Conversion, torchscript: Conversion) -> float | None:
    """Latency of the dynamo artifact over that of the TorchScript one."""
    assert dynamo.artifact is not None
    assert torchscript.artifact is not None
    return measure(dynamo.artifact, torchscript.artifact.path).ratio


def row_of(name: str, found: dict[str, dict[str, Conversion]]) -> dict[str, object]:
    """One line of the table."""
    row: dict[str, object] = {"model": name}
    for exporter, conversions in found.items():
        conversion = conversions[name]
        row[f"{exporter}_status"] = conversion.status
        if conversion.artifact is None:
            continue
        made = conversion.artifact.provenance
        row[f"{exporter}_export_s"] = made["seconds"]["export_s"]
        row[f"{exporter}_total_s"] = sum(made["seconds"].values())
        row[f"{exporter}_peak_mib"] = conversion.memory_peak_mib
        row[f"{exporter}_nodes"] = sum(made["operators"].values())
        row[f"{exporter}_kinds"] = len(made["operators"])
        row[f"{exporter}_relative_l2"] = max(check["relative_l2"] for check in made["verification"])
    if all(conversions[name].status == "ok" for conversions in found.values()):
        row["latency_dynamo_over_torchscript"] = latency_ratio(found["dynamo"][name], found["torchscript"][name])
    return row


def main() -> None:
    """Converts twice, measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="smoke")
    parser.add_argument("--output", type=Path, default=Path("exporters.csv"))
    parser.add_argument("--cache-dir", type=Path, help="where artifacts are kept; a temporary directory by default")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    names = [card.name for card in zoo.cards(arguments.models) if card.release.framework == "pytorch"]
    with tempfile.TemporaryDirectory() as cache:
        cache_dir = arguments.cache_dir or Path(cache)
        found = {exporter: converted(names, exporter, cache_dir, arguments.workers) for exporter in EXPORTERS}
        rows = []
        for name in names:
            rows.append(row_of(name, found))
            pd.DataFrame(rows).to_csv(arguments.output, index=False)
            print(name, rows[-1].get("latency_dynamo_over_torchscript"), flush=True)
    table = pd.DataFrame(rows).drop(columns="model")
    print(table.describe(percentiles=[0.1, 0.5, 0.9]).round(3).to_string())


if __name__ == "__main__":
    main()
