"""Compares this project's network of a model with that of the original code, both under the probe."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from zoo import probe
from zoo.card import ModelCard
from zoo.recorded import logits_error, reference
from zoo.releases.facts import NetworkFacts
from zoo.releases.pins import ExplainedOperators
from zoo.releases.process import Outcome

_LISTED = 4


@dataclasses.dataclass(frozen=True)
class ReleaseComparison:
    """One model; figures are None if an implementation could not be built, or was not exported."""

    model: str
    status: str
    """`equal`, `different`, `no_sources`, or the status of the worker that failed."""
    reason: str = ""
    signature_equal: bool | None = None
    """Names, shapes and types of the states."""
    logits_error: float | None = None
    """L2 norm of the difference of the logits (2, classes) over that of the release's."""
    recorded_error: float | None = None
    """Error of the release's logits relative to those recorded earlier (`zoo.recorded.logits_error`)."""
    parameters_own: int | None = None
    parameters_release: int | None = None
    macs_own: int | None = None
    macs_release: int | None = None
    operators_own: Mapping[str, int] | None = None
    operators_release: Mapping[str, int] | None = None
    operators_note: str = ""
    """How the exported graphs differ, and why if that is known; or why there is none."""
    commits: str = ""
    """The checkouts that the release was built from."""

    @property
    def operators_equal(self) -> bool | None:
        """Whether the exported graphs have the same operators; None if one was not exported."""
        if self.operators_own is None or self.operators_release is None:
            return None
        return dict(self.operators_own) == dict(self.operators_release)


def operators_difference(own: Mapping[str, int], release: Mapping[str, int]) -> dict[str, int]:
    """How many more of each operator the own graph has than the release's; what is equal is left out."""
    names = sorted(set(own) | set(release))
    return {name: own.get(name, 0) - release.get(name, 0) for name in names if own.get(name, 0) != release.get(name, 0)}


def _operators_note(
    own: NetworkFacts, release: NetworkFacts, explained: Sequence[ExplainedOperators]
) -> tuple[str, bool]:
    """The note on the operators, and whether they are in order."""
    if own.operators is None or release.operators is None:
        told = [
            f"{name} not exported: {facts.operators_reason}"
            for name, facts in (("own", own), ("release", release))
            if facts.operators is None and facts.operators_reason
        ]
        return "; ".join(told), not told
    difference = operators_difference(own.operators, release.operators)
    if not difference:
        return "", True
    listed = ", ".join(f"{name} {count:+d}" for name, count in difference.items())
    known = [entry for entry in explained if set(entry.types) & set(difference)]
    in_order = set(difference) <= {name for entry in known for name in entry.types}
    return "; ".join([f"own against release: {listed}", *(entry.because for entry in known)]), in_order


def _shape_differences(own: NetworkFacts, release: NetworkFacts) -> str:
    problems = [f"only the release has {name}" for name in release.shapes if name not in own.shapes]
    problems += [f"only the own definition has {name}" for name in own.shapes if name not in release.shapes]
    problems += [
        f"{name} has shape {list(own.shapes[name])}, the release's {list(shape)}"
        for name, shape in release.shapes.items()
        if name in own.shapes and own.shapes[name] != shape
    ]
    more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
    return "; ".join(problems[:_LISTED]) + more


def compare(
    card: ModelCard,
    own: Outcome,
    release: Outcome,
    *,
    explained: Sequence[ExplainedOperators] = (),
    commits: str = "",
) -> ReleaseComparison:
    """Compares two implementations of a model.

    They are equal if the signatures and the numbers of parameters and of multiply-adds are equal, the logits differ by
    less than `zoo.probe.FRAMEWORK_TOLERANCE`, and all operators that differ are explained.

    Args:
        card: the model's card.
        own: this project's implementation.
        release: the original code's.
        explained: operators that are known to differ.
        commits: the checkouts of the original code.
    """
    for name, outcome in (("release", release), ("own definition", own)):
        if outcome.facts is None:
            return ReleaseComparison(card.name, outcome.status, f"{name}: {outcome.reason}", commits=commits)
    ours, theirs = own.facts, release.facts
    assert ours is not None
    assert theirs is not None
    note, operators_in_order = _operators_note(ours, theirs, explained)
    signature_equal = ours.signature_sha256 == theirs.signature_sha256
    error = float("inf")
    if ours.logits.shape == theirs.logits.shape:
        error = probe.relative_l2(ours.logits, theirs.logits)
    recorded = reference(card.name) if theirs.logits.shape == (len(theirs.logits), card.classes) else None
    problems = {
        f"logits differ by {error:.1e}": error >= probe.FRAMEWORK_TOLERANCE,
        "numbers of parameters differ": ours.parameters != theirs.parameters,
        "numbers of multiply-adds differ": ours.macs != theirs.macs,
        f"signatures differ: {_shape_differences(ours, theirs) or 'types'}": not signature_equal,
        f"exported graphs differ: {note}": not operators_in_order,
    }
    reason = "; ".join(text for text, holds in problems.items() if holds)
    return ReleaseComparison(
        card.name,
        "different" if reason else "equal",
        reason,
        signature_equal=signature_equal,
        logits_error=error,
        recorded_error=logits_error(theirs.logits, recorded) if recorded else None,
        parameters_own=ours.parameters,
        parameters_release=theirs.parameters,
        macs_own=ours.macs,
        macs_release=theirs.macs,
        operators_own=ours.operators,
        operators_release=theirs.operators,
        operators_note=note,
        commits=commits,
    )
