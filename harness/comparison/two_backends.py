"""Two runtimes on one artifact: NEW on another backend than BASE.

Each side has a process of its own, as two Python environments have (`harness.comparison.duet`): the threads of one
library never wait, spin or are placed beside those of the other in one process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from harness import backends
from harness.backends.device import environment_of
from harness.comparison.pair import Conditions, Pairing
from harness.errors import ComparisonError


def on_backend(pairings: Sequence[Pairing], backend: str) -> list[Pairing]:
    """The pairings with the candidate on this backend; as they are if it is empty."""
    if not backend:
        return list(pairings)
    return [dataclasses.replace(one, new=dataclasses.replace(one.new, backend=backend)) for one in pairings]


def facts_of_backend(conditions: Conditions, backend: str) -> dict[str, Any]:
    """What a gate's folder records of the candidate's backend; nothing if it has none of its own.

    Raises:
        ComparisonError: one of the two runs on a GPU, or they are the same.
        HarnessError: it cannot run here.
    """
    if not backend:
        return {}
    if backend == conditions.backend:
        raise ComparisonError(f"--new-backend {backend}: it is that of BASE too; leave it out, or name another")
    for name in (conditions.backend, backend):
        if backends.get(name).on_gpu:
            raise ComparisonError(f"--new-backend: {name} runs on a GPU; two runtimes are compared on the processor")
    environment = environment_of(backends.usable(backend), conditions.gpu, conditions.threads)
    return {"new_backend": backend, "new_environment_id": environment.environment_id}
