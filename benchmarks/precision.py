"""FP16 and INT8 artifacts of the zoo compared with their FP32 ones: errors, top-1 agreement and size of each model.

An interrupted call resumes: rows that are in the CSV are not computed again. Several processes may share one CSV.

    python benchmarks/precision.py --models all --variants fp16,int8,int8:onnxruntime --csv docs/precision.csv
    python benchmarks/precision.py --csv docs/precision.csv --markdown docs/precision_table.md
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import csv_rows
import numpy as np

import zoo
from converters.artifact import Artifact, ArtifactStore
from converters.precision import derive, find
from converters.request import ConversionRequest, PrecisionOptions

COLUMNS = (
    "model",
    "variant",
    "status",
    "reason",
    "computes_in",
    "probe_relative_l2",
    "natural_relative_l2",
    "unrounded_relative_l2",
    "natural_max_abs",
    "probe_top1_agreement",
    "natural_top1_agreement",
    "natural_images",
    "mib",
    "fp32_mib",
    "seconds",
)
VARIANTS = ("fp16", "int8", "int8:onnxruntime")

LARGE_MACS = 20e9
NATURAL_IMAGES, NATURAL_IMAGES_LARGE = 8, 2
"""Images that a network is verified on; the second applies above `LARGE_MACS`."""


def figures(artifact: Artifact, source: Artifact) -> dict[str, Any]:
    """The columns of a row about a derived artifact."""
    made = artifact.provenance
    checks = {check["images"]: check for check in made["verification"]}
    unrounded = checks.get("probe, unrounded")
    return {
        "status": "ok",
        "computes_in": made["computes_in"],
        "probe_relative_l2": f"{checks['probe']['relative_l2']:.3g}",
        "natural_relative_l2": f"{checks['natural']['relative_l2']:.3g}",
        "unrounded_relative_l2": f"{unrounded['relative_l2']:.3g}" if unrounded else "",
        "natural_max_abs": f"{checks['natural']['max_abs']:.3g}",
        "probe_top1_agreement": checks["probe"]["top1_agreement"],
        "natural_top1_agreement": checks["natural"]["top1_agreement"],
        "natural_images": checks["natural"]["count"],
        "mib": f"{made['size_bytes'] / 2**20:.2f}",
        "fp32_mib": f"{source.provenance['size_bytes'] / 2**20:.2f}",
    }


def row_of(name: str, variant: str, store: ArtifactStore, discard: bool) -> dict[str, Any]:
    """The row of one artifact, derived from the stored FP32 one."""
    precision, _, scheme = variant.partition(":")
    options = PrecisionOptions(int8_scheme=scheme or PrecisionOptions.int8_scheme)
    source = find(ConversionRequest(name), store)
    started = time.monotonic()
    if source is None:
        found: dict[str, Any] = {"status": "failed", "reason": "no fp32 artifact in the cache; convert it first"}
    else:
        try:
            count = NATURAL_IMAGES_LARGE if zoo.card(name).macs > LARGE_MACS else NATURAL_IMAGES
            artifact = derive(source, precision, options, store, natural_images=count)
            found = figures(artifact, source)
            if discard:
                shutil.rmtree(artifact.path.parent)
        except Exception as error:
            found = {"status": "failed", "reason": " ".join(str(error).split())}
    return {"model": name, "variant": variant, **found, "seconds": f"{time.monotonic() - started:.1f}"}


def compute(
    models: list[str], variants: list[str], path: Path, store: ArtifactStore, *, discard: bool, largest_first: bool
) -> None:
    """Computes every missing row; models that share a network share one computation."""
    cards = sorted(zoo.cards(models), key=lambda card: card.macs, reverse=largest_first)
    for variant in variants:
        for card in cards:
            done = {(row["model"], row["variant"]) for row in csv_rows.read(path)}
            if (card.name, variant) in done:
                continue
            row = row_of(card.name, variant, store, discard)
            twins = [other.name for other in cards if other.network_facts() == card.network_facts()]
            csv_rows.append(path, COLUMNS, [{**row, "model": name} for name in twins if (name, variant) not in done])
            print(*row.values(), flush=True)


def _line(label: str, rows: list[dict[str, str]]) -> str:
    ok = [row for row in rows if row["status"] == "ok"]
    if not ok:
        return f"| {label} | 0 of {len(rows)} | | | | | |"
    errors = [float(row["natural_relative_l2"]) for row in ok]
    noise = max(float(row["probe_relative_l2"]) for row in ok)
    images = sum(int(row["natural_images"]) for row in ok)
    agreeing = sum(round(float(row["natural_top1_agreement"]) * int(row["natural_images"])) for row in ok)
    size = np.median([float(row["mib"]) / float(row["fp32_mib"]) for row in ok])
    return (
        f"| {label} | {len(ok)} of {len(rows)} | {np.median(errors):.1e} | {max(errors):.1e} | {noise:.1e} "
        f"| {agreeing} of {images} ({agreeing / images:.1%}) | {size:.2f} |"
    )


def summary(rows: list[dict[str, str]]) -> Iterator[str]:
    """Markdown: for each variant a table of sources, then the errors of every model."""
    for variant in [variant for variant in VARIANTS if any(row["variant"] == variant for row in rows)]:
        chosen = [row for row in rows if row["variant"] == variant]
        yield f"\n## {variant}\n"
        yield "| source | verified | median error | largest | largest on noise | top-1 agrees | size / fp32 |"
        yield "|---|---|---|---|---|---|---|"
        for source in dict.fromkeys(row["model"].split("/")[0] for row in chosen):
            yield _line(source, [row for row in chosen if row["model"].startswith(f"{source}/")])
        yield _line("all", chosen)
    variants = [variant for variant in VARIANTS if any(row["variant"] == variant for row in rows)]
    yield "\n## Every model\n\nRelative L2 error on natural images, and share of them with the same top-1.\n"
    yield "| model | " + " | ".join(f"{variant} | top-1" for variant in variants) + " |"
    yield "|---" * (1 + 2 * len(variants)) + "|"
    by_key = {(row["model"], row["variant"]): row for row in rows}
    for name in dict.fromkeys(row["model"] for row in rows):
        cells = [name]
        for variant in variants:
            row = by_key.get((name, variant))
            if row is None or row["status"] != "ok":
                cells += [row["status"] if row else "", ""]
            else:
                cells += [f"{float(row['natural_relative_l2']):.1e}", f"{float(row['natural_top1_agreement']):.1%}"]
        yield "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", help="names, globs, sources or suites; without it nothing is computed")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="fp16, int8 and int8:SCHEME (%(default)s)")
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--markdown", type=Path, help="write the CSV's tables here")
    parser.add_argument("--cache-dir", type=Path)
    parser.add_argument("--discard", action="store_true", help="delete each artifact once its row is written")
    parser.add_argument(
        "--largest-first", action="store_true", help="for a second process beside one that begins with the smallest"
    )
    arguments = parser.parse_args()
    if arguments.models:
        store = ArtifactStore(arguments.cache_dir)
        compute(
            [arguments.models],
            arguments.variants.split(","),
            arguments.csv,
            store,
            discard=arguments.discard,
            largest_first=arguments.largest_first,
        )
    if arguments.markdown:
        rows = csv_rows.tidied(arguments.csv, COLUMNS, ("model", "variant"))
        title = "# Errors of FP16 and INT8 artifacts\n\nWhat the columns mean: [precision.md](precision.md)."
        arguments.markdown.write_text("\n".join([title, *summary(rows)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
