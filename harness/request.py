"""What a run was asked for, checked before anything is started."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.gpu.settings import GpuSettings
from harness.trial import TimingSettings

if TYPE_CHECKING:
    from converters.request import ConversionRequest
    from zoo.card import ModelCard

# The converters' own, which cannot be imported where nothing is converted; a test holds them equal.
EXPORTERS = ("dynamo", "torchscript")
DEFAULT_EXPORTER = "dynamo"
DEFAULT_OPSET = 18

DEFAULT_ROUNDS = 5
DEFAULT_BUDGET_S = 600.0


@dataclasses.dataclass(frozen=True)
class RunRequest:
    """A run: which series, how they are measured, and when it is enough."""

    models: tuple[str, ...] = ()
    """Names, globs, sources or suites of the zoo."""
    own_models: tuple[str, ...] = ()
    """`module:function` of one's own networks."""
    onnx_files: tuple[Path, ...] = ()
    artifacts: Path | None = None
    """A bundle to measure instead of converting; `models` then selects within it, and none means all of it."""
    backend: str = "onnxruntime"
    precision: str = "fp32"
    batch: int = 1
    threads: int | None = None
    weights: str = "probe"
    exporter: str = DEFAULT_EXPORTER
    opset: int = DEFAULT_OPSET
    resolution: int | None = None
    """Input size in pixels of one's own networks."""
    rounds: int = DEFAULT_ROUNDS
    budget_s: float = DEFAULT_BUDGET_S
    """Seconds after which no further round or trial is started; the first round is always finished."""
    half_width_percent: float = 0.5
    """A series is measured no further once its ratio's interval is this narrow, half its width in percent."""
    trial_timeout_s: float = 300.0
    conversion_timeout_s: float = 900.0
    workers: int = 0
    build_timeout_s: float = 1800.0
    timing: TimingSettings = dataclasses.field(default_factory=TimingSettings)
    gpu: GpuSettings = dataclasses.field(default_factory=GpuSettings)
    exclusive: bool = False
    """Whether to refuse a GPU that others use."""
    protocol: str = ""
    """Name in `harness.protocols`, where the settings above are a protocol's."""

    def cards(self) -> list[ModelCard]:
        """The zoo's cards that are asked for.

        Raises:
            HarnessError: a pattern selects nothing; the message offers the nearest names.
        """
        if not self.models:
            return []
        import zoo
        from zoo.errors import ZooError

        try:
            return zoo.cards(self.models)
        except ZooError as error:
            raise HarnessError(str(error)) from error

    def check(self) -> None:
        """Refuses what could only fail later.

        Raises:
            HarnessError: saying which option to change.
        """
        if not (self.models or self.own_models or self.onnx_files or self.artifacts):
            raise HarnessError("nothing to measure: give --models, --onnx or --model")
        for name, value in (("--batch", self.batch), ("--rounds", self.rounds)):
            if value < 1:
                raise HarnessError(f"{name} {value}: give a number of at least 1")
        if self.exporter not in EXPORTERS:
            raise HarnessError(f"--exporter {self.exporter}: choose one of {', '.join(EXPORTERS)}")
        if self.precision != "fp32" and not self.artifacts and (self.models or self.own_models):
            raise HarnessError(f"--precision {self.precision}: models are converted to fp32; use it with --onnx alone")
        for path in self.onnx_files:
            if not path.is_file():
                raise HarnessError(f"--onnx {path}: no such file")
        for reference in self.own_models:
            if not all(reference.partition(":")):
                raise HarnessError(f"--model {reference}: give it as module:function")
        if self.artifacts:
            self._check_conversion_options()
            return
        cards = self.cards()
        if self.weights != "probe":
            if not Path(self.weights).is_file():
                raise HarnessError(f"--weights {self.weights}: no such file; give a checkpoint, or 'probe'")
            if len(cards) != 1:
                raise HarnessError(f"--weights FILE belongs to one model, but {len(cards)} are selected")

    def _check_conversion_options(self) -> None:
        """Refuses what would have to be converted, where artifacts are measured as they are."""
        given = {
            "--model": self.own_models != (),
            "--weights": self.weights != "probe",
            "--exporter": self.exporter != DEFAULT_EXPORTER,
            "--opset": self.opset != DEFAULT_OPSET,
            "--resolution": self.resolution is not None,
        }
        if wrong := [option for option, is_given in given.items() if is_given]:
            raise HarnessError(
                f"{', '.join(wrong)}: nothing is converted with --artifacts. Give it to convert --export on the "
                "machine that converts."
            )

    def conversions(self) -> list[ConversionRequest]:
        """What has to be converted, costliest first so that the last one does not leave cores idle."""
        from converters.request import ConversionRequest

        common = ConversionRequest("", exporter=self.exporter, opset=self.opset, batch=self.batch)
        cards = sorted(self.cards(), key=lambda card: card.macs, reverse=True)
        released = [dataclasses.replace(common, model=card.name, weights=self.weights) for card in cards]
        names = dict.fromkeys(self.own_models)
        return released + [dataclasses.replace(common, model=name, resolution=self.resolution) for name in names]

    def settings(self) -> dict[str, Any]:
        """The request as the run directory records it."""
        data = dataclasses.asdict(self)
        data["onnx_files"] = [str(path) for path in self.onnx_files]
        data["artifacts"] = str(self.artifacts) if self.artifacts else None
        return data
