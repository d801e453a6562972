"""How series are measured, and when measuring ends; checked before anything is started."""

from __future__ import annotations

import dataclasses
import numbers
from typing import Any

from harness.artifacts.model_shard import ModelShard
from harness.artifacts.request import ArtifactRequest
from harness.artifacts.variants import DIMENSIONS, Varied, variants
from harness.errors import HarnessError
from harness.machine.gpu.settings import GpuSettings
from harness.timing.settings import TimingSettings

DEFAULT_ROUNDS = 5
DEFAULT_BUDGET_S = 600.0


@dataclasses.dataclass(frozen=True)
class RunRequest:
    """A run: which series, on which device, and when measuring ends."""

    wanted: ArtifactRequest = dataclasses.field(default_factory=ArtifactRequest)
    """The series; of what is varied, in the first value."""
    varied: Varied = dataclasses.field(default_factory=dict)
    """The backends and precisions that all series are measured in, where these are several."""
    threads: int | None = None
    """Threads of an inference; `harness.machine.environment.default_threads` if None."""
    rounds: int = DEFAULT_ROUNDS
    budget_s: float = DEFAULT_BUDGET_S
    """Seconds of measuring after which no further round or trial is started; the first round is always finished."""
    half_width_percent: float = 0.5
    """A series is settled once its ratio's interval is this narrow, half its width in percent."""
    trial_timeout_s: float = 300.0
    build_timeout_s: float = 1800.0
    """Limit for building one engine."""
    timing: TimingSettings = dataclasses.field(default_factory=TimingSettings)
    gpu: GpuSettings = dataclasses.field(default_factory=GpuSettings)
    exclusive: bool = False
    """Whether to refuse a GPU that others use."""
    wait: bool = True
    """Whether a trial waits for other measurements on its device, rather than refuse to be made beside them."""
    shard: ModelShard | None = None
    """The shard that `wanted` has the models of; None if it has all."""
    protocol: str = ""
    """Name in `harness.runs.protocols` if the settings above are a protocol's; otherwise empty."""

    @property
    def requests(self) -> tuple[ArtifactRequest, ...]:
        """The series of each combination of what is varied."""
        return variants(self.wanted, self.varied)

    def with_readable_opset(self) -> RunRequest:
        """The request with the newest opset that all its backends read, so that they share their artifacts."""
        opset = min(one.with_readable_opset().opset for one in self.requests)
        return dataclasses.replace(self, wanted=dataclasses.replace(self.wanted, opset=opset))

    def check(self) -> None:
        """Refuses what would otherwise fail later.

        Raises:
            HarnessError: an option must be changed; the message says which.
        """
        # The command line gives numbers; a caller in Python may give anything.
        if not isinstance(self.rounds, numbers.Integral) or self.rounds < 1:
            raise HarnessError(f"--rounds {self.rounds}: give a number of at least 1")
        if not isinstance(self.budget_s, numbers.Real) or not self.budget_s >= 0:
            raise HarnessError(f"budget_s={self.budget_s!r}: give a number of seconds")
        for one in self.requests:
            one.check()

    def settings(self) -> dict[str, Any]:
        """Returns the request as the run directory records it: one flat JSON object."""
        data = dataclasses.asdict(self)
        varied = data.pop("varied")
        # It shapes no figure.
        del data["wait"], data["shard"]
        flat = {**data.pop("wanted"), **data, "timing": self.timing.to_json(), "gpu": self.gpu.to_json()}
        flat |= {name: ",".join(varied[name]) for name in DIMENSIONS if name in varied}
        flat["onnx_files"] = [str(path) for path in self.wanted.onnx_files]
        for name in ("artifacts", "calibration_images", "weights_lock"):
            flat[name] = str(flat[name]) if flat[name] else None
        if self.shard:
            flat["shard"] = self.shard.to_json()
        return flat
