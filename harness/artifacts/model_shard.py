"""Which models of a request are one shard of it, as run directories and bundles record it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from foundation.digests import json_sha256
from foundation.shard import Shard
from foundation.wording import counted


@dataclasses.dataclass(frozen=True)
class ModelShard:
    """Which shard a request is of, and the models of all shards together."""

    shard: Shard
    models: tuple[str, ...]
    """Names of the models of the whole request, as in its rows and in their order."""

    @property
    def seed(self) -> int:
        """Seed of the runs of all shards, so that their trials can be put together."""
        return int(json_sha256({"count": self.shard.count, "models": list(self.models)})[:8], 16) >> 1

    def text(self) -> str:
        """The shard in words, as in `shard 2/8 of 24 models from gpunet/GPUNet-0 on`."""
        first = f" from {self.models[0]} on" if self.models else ""
        return f"shard {self.shard} of {counted(len(self.models), 'model')}{first}"

    def to_json(self) -> dict[str, Any]:
        """The record as a JSON object."""
        return {"number": self.shard.number, "count": self.shard.count, "models": list(self.models)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelShard:
        """The record read back.

        Raises:
            KeyError, TypeError: it is none.
        """
        return cls(Shard(int(data["number"]), int(data["count"])), tuple(map(str, data["models"])))
