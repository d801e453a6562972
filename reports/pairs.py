"""Pairs of rows of one model that differ in one thing: precision, exporter, graph, or placement of INT8."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from foundation.vocabulary import GRAPHS, exactness, usual_int8_scheme

Record = Mapping[str, Any]
Varying = Literal["precision", "exporter", "graph", "int8_scheme"]
"""The last is whose rules an int8 artifact is quantised by; rows have it from `reports.audit.int8_scheme`."""

_FIXED: tuple[Varying, ...] = ("precision", "exporter", "graph")
"""In which of these a pair agrees, unless it varies."""


def exporter_name(exporter: str) -> str:
    """The exporter without its version: `torch.onnx.export dynamo` of `torch.onnx.export dynamo 2.14.1`."""
    name, _, version = exporter.rpartition(" ")
    return name if version[:1].isdigit() else exporter


def kind_of(record: Record, varying: Varying) -> str:
    """The precision of a record, its exporter's name, its graph, or its scheme of int8."""
    return exporter_name(record["exporter"]) if varying == "exporter" else str(record[varying])


def pairs(rows: Iterable[Record], varying: Varying, same: Sequence[str]) -> list[tuple[Record, Record]]:
    """Each other row of a model beside the one it is compared with.

    Args:
        rows: rows with `precision`, `exporter`, `graph` and the columns of `same`. If several agree in all of
            these, the last counts.
        varying: in what the rows differ; they agree in precision, exporter and graph otherwise.
        same: columns in which they agree.
    """
    fixed = [name for name in _FIXED if name != varying]
    families: dict[tuple[Any, ...], dict[str, Record]] = {}
    for row in rows:
        key = (*(row[name] for name in same), *(kind_of(row, name) for name in fixed))
        families.setdefault(key, {})[kind_of(row, varying)] = row
    found = []
    for family in families.values():
        base, *others = sorted(family.values(), key=lambda row: _base_first(row, varying))
        found += [(base, other) for other in others]
    return found


def _base_first(row: Record, varying: Varying) -> tuple[int, str]:
    """Sorts the most exact precision first, and the scheme that is usual on the backend, the native graph."""
    kind = kind_of(row, varying)
    if varying == "int8_scheme":
        return int(kind != usual_int8_scheme(row["backend"])), kind
    if varying == "graph":
        return GRAPHS.index(kind), kind
    return exactness(kind), kind
