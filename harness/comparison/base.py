"""Which of two variants of a model is the base: a rule about what they are, whatever was measured first."""

from __future__ import annotations

from foundation.vocabulary import GRAPHS, RELEASE, RELEASED, exactness
from harness.records.series import Series


def base_order(facts: Series) -> tuple[int | str, ...]:
    """Sorts the series of one model so that each is the base of those after it.

    The most exact precision comes first (fp32, fp16, int8), then the native graph before the fused one, the network
    as this project builds it before the release's own code, released weights before others, and a small batch before a
    large one. The order of the rest has no meaning, but is always the same.
    """
    return (
        exactness(facts.precision),
        GRAPHS.index(facts.graph),
        int(facts.implementation == RELEASE),
        int(facts.weights != RELEASED),
        facts.exporter,
        facts.backend,
        facts.batch,
        facts.key,
    )
