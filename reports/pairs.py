"""Pairs of rows that differ in one thing: the same model in two precisions, or from two exporters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from foundation.vocabulary import exactness

Record = Mapping[str, Any]
Varying = Literal["precision", "exporter"]


def exporter_name(exporter: str) -> str:
    """The exporter without its version: `torch.onnx.export dynamo` of `torch.onnx.export dynamo 2.14.1`."""
    name, _, version = exporter.rpartition(" ")
    return name if version[:1].isdigit() else exporter


def kind_of(record: Record, varying: Varying) -> str:
    """The precision of a record, or its exporter's name."""
    return exporter_name(record["exporter"]) if varying == "exporter" else str(record["precision"])


def pairs(rows: Iterable[Record], varying: Varying, same: Sequence[str]) -> list[tuple[Record, Record]]:
    """Each other row of a model beside the one it is compared with.

    Args:
        rows: rows with `precision`, `exporter` and the columns of `same`. If several agree in all of
            these, the last counts.
        varying: the one of the two in which the rows differ; they agree in the other.
        same: columns in which they agree.
    """
    fixed: Varying = "precision" if varying == "exporter" else "exporter"
    families: dict[tuple[Any, ...], dict[str, Record]] = {}
    for row in rows:
        key = (*(row[name] for name in same), kind_of(row, fixed))
        families.setdefault(key, {})[kind_of(row, varying)] = row
    found = []
    for family in families.values():
        base, *others = sorted(family, key=lambda kind: (exactness(kind), kind))
        found += [(family[base], family[other]) for other in others]
    return found
