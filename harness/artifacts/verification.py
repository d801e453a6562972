"""Verifies the zoo against the original releases: built networks and converted artifacts, one line per model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import zoo
from converters.artifact import Artifact
from converters.pool import Conversion
from converters.verify import artifact_logits
from zoo import probe
from zoo.recorded import Comparison, compare, logits_error, reference


@dataclasses.dataclass(frozen=True)
class Verification:
    """The result for one model."""

    model: str
    source: str
    status: str
    """`ok`, `differs`, or how its conversion or its building ended."""
    reason: str = ""
    network: Comparison | None = None
    artifact_error: float | None = None
    """Error of the artifact's logits in ONNX Runtime against the original code's; against the built network's
    if the original's are not recorded."""


def _artifact_error(name: str, artifact: Artifact) -> float:
    expected = reference(name)
    if expected is None:
        return float(max(check["relative_l2"] for check in artifact.provenance["verification"]))
    images = probe.images(zoo.card(name).resolution)
    return logits_error(artifact_logits(artifact.path, images), expected)


def verify_model(conversion: Conversion) -> Verification:
    """Builds the model of a conversion again and compares it and the artifact with the original."""
    name = conversion.request.model
    card = zoo.card(name)
    if conversion.artifact is None:
        return Verification(name, card.source, conversion.status, conversion.reason)
    network = compare(zoo.load(card))
    error = _artifact_error(name, conversion.artifact)
    holds = network.holds and error < card.artifact_tolerance
    return Verification(name, card.source, "ok" if holds else "differs", network=network, artifact_error=error)


def line(found: Verification) -> str:
    """One line of the table."""
    if found.network is None:
        return f"{found.model}  {found.status}: {found.reason}"
    facts = {
        "parameters": found.network.parameters_equal,
        "MACs": found.network.macs_equal,
        "signature": found.network.signature_equal,
    }
    wrong = [name for name, equal in facts.items() if not equal]
    logits = "not recorded" if found.network.logits_error is None else f"{found.network.logits_error:.1e}"
    counted = f"{', '.join(wrong)} differ" if wrong else "counts equal"
    return f"{found.model}  {found.status}  {counted}  logits {logits}  artifact {found.artifact_error:.1e}"


def largest_errors(found: Iterable[Verification]) -> Iterator[str]:
    """One line per source: models, how many are ok, and the largest errors."""
    by_source: dict[str, list[Verification]] = {}
    for one in found:
        by_source.setdefault(one.source, []).append(one)
    for source, members in by_source.items():
        logits = [m.network.logits_error for m in members if m.network and m.network.logits_error is not None]
        artifacts = [m.artifact_error for m in members if m.artifact_error is not None]
        ok = sum(member.status == "ok" for member in members)
        yield (
            f"{source}: {ok} of {len(members)} ok; largest error of logits {max(logits, default=0):.1e} "
            f"({len(logits)} recorded), of artifacts {max(artifacts, default=0):.1e}"
        )
