"""Conversions as they end, and what is printed of them."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.artifacts.request import ArtifactRequest
from harness.text.progress import Progress, minutes_text

if TYPE_CHECKING:
    from converters.pool import Conversion
    from converters.request import ConversionRequest

Say = Callable[[str], None]
"""Prints a line for the user."""


def conversions_of(
    wanted: Sequence[ConversionRequest], request: ArtifactRequest, cache_dir: Path, say: Say
) -> Iterator[Conversion]:
    """Each conversion as it ends.

    Args:
        wanted: what to convert.
        request: limits of the conversions.
        cache_dir: where artifacts are kept.
        say: prints a line for the user: each warning and, at the end, a summary.
    """
    from converters.pool import PoolSettings, convert_many

    limits = PoolSettings(workers=request.workers, timeout_s=request.conversion_timeout_s)
    warnings: collections.Counter[str] = collections.Counter()
    started = time.monotonic()
    counts = dict.fromkeys(("converted", "from the cache", "failed"), 0)
    with Progress("convert", len(wanted)) as progress:
        for conversion in convert_many(wanted, cache_dir, limits):
            failed = conversion.status != "ok"
            counts["failed" if failed else "from the cache" if conversion.cached else "converted"] += 1
            progress.step(_conversion_line(conversion), problem=failed)
            if conversion.artifact is not None:
                warnings.update(conversion.artifact.provenance.get("warnings", ()))
            yield conversion
    for text, count in warnings.items():
        say(f"warning: {text} ({count} of {len(wanted)} models)")
    if wanted:
        told = ", ".join(f"{count} {how}" for how, count in counts.items() if count)
        say(f"artifacts: {told}, in {minutes_text(time.monotonic() - started)}")


def _conversion_line(conversion: Conversion) -> str:
    name = conversion.request.model
    if conversion.status != "ok" or conversion.artifact is None:
        return f"{name}: {conversion.status}: {conversion.reason}"
    if conversion.cached:
        return f"{name}: in the cache"
    checks = conversion.artifact.provenance["verification"]
    if conversion.request.precision == "int8" and conversion.artifact.provenance["classes"] is not None:
        from converters.int8_agreement import agreement_text, decisive

        told = agreement_text(decisive(checks), conversion.request.options.int8_scheme)
        return f"{name}: {conversion.seconds:.1f} s, {told}"
    error = max(check["relative_l2"] for check in checks)
    whom = "network" if conversion.request.precision == "fp32" else "fp32 artifact"
    if "fusion" in conversion.artifact.provenance and conversion.request.precision == "fp32":
        counts = conversion.artifact.provenance["fusion"]["rules"]
        put_back = ", ".join(f"{rule} {count}" for rule, count in counts.items() if count)
        if not put_back:
            return f"{name}: {conversion.seconds:.1f} s, nothing to fuse"
        whom = f"native graph ({put_back})"
    return f"{name}: {conversion.seconds:.1f} s, agrees with the {whom} to {error:.0e}"
