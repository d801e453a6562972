"""Numbers and names in the cells of Markdown tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from foundation.vocabulary import NATIVE

if TYPE_CHECKING:
    from reports.ranks import Configuration

FRONTIER_MARK = "★"


def code(value: Any) -> str:
    """A name as Markdown code, for names with underscores and asterisks."""
    text = " ".join(str(value).split()).replace("`", "'").replace("|", "\\|")
    return f"`{text}`" if text else ""


def significant(value: float | None, digits: int = 4) -> str:
    """A number with this many significant digits and no exponent; empty for None and NaN."""
    if value is None or math.isnan(value):
        return ""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{max(places, 0)}f}"


def interval(low: float | None, high: float | None) -> str:
    """Both ends of an interval, or a dash if there is none."""
    ends = (significant(low), significant(high))
    return f"{ends[0]} to {ends[1]}" if all(ends) else "-"


def form_text(configuration: Configuration) -> str:
    """Precision and graph of a configuration, as in `fp32` and `fp32 fused`."""
    graph, precision = configuration.form
    return precision if graph == NATIVE else f"{precision} {graph}"
