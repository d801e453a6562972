"""The requested series: models, their weights, and how they are converted; checked before anything starts."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.vocabulary import (
    AUTO,
    DEFAULT_CALIBRATION_COUNT,
    DEFAULT_EXPORTER,
    DEFAULT_OPSET,
    EXPORTERS,
    FUSED,
    GRAPHS,
    IMPLEMENTATIONS,
    INT8_SCHEMES,
    MEASURED_PRECISIONS,
    NATIVE,
    PROBE,
    RELEASED,
    graph_precision,
    usual_int8_scheme,
)
from harness import backends
from harness.artifacts.file_series import check_companions, check_shapes, resolution_as_measured
from harness.artifacts.input_shapes import AskedShapes
from harness.artifacts.onnx_files import OnnxFile, named, no_file
from harness.artifacts.preprocessing import check_fits
from harness.errors import HarnessError
from harness.processes.inputs import Feed

if TYPE_CHECKING:
    from converters.request import ConversionRequest
    from zoo.card import ModelCard, Preprocessing

_LESS = "Change either; without --resolution the network gets the size of the crop"
_MORE = "State another preprocessing; --resolution or --shape sets the size of a file that leaves it free"


@dataclasses.dataclass(frozen=True)
class ArtifactRequest:
    """Models, user networks and files, and how they are converted."""

    models: tuple[str, ...] = ()
    """Names, globs, sources or suites of the zoo; `timm/NAME` and `torchvision/NAME`, globs too, of these libraries."""
    own_models: tuple[str, ...] = ()
    """`module:function` of user networks."""
    onnx_files: tuple[OnnxFile, ...] = ()
    shapes: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    """The shape of ONNX files' inputs by name, where the files leave it free."""
    inputs: str = ""
    """What the inputs of ONNX files and user networks hold while latency is measured: `LOW:HIGH`, one such range for
    each channel with commas between them, the path of an `.npy` or `.npz` file, or, if empty, what `preprocessing`
    makes of pixels, and values by their types without it."""
    custom_operators: str = ""
    """Path of a library of operators of the ONNX files that the runtime lacks."""
    artifacts: Path | None = None
    """A bundle to measure instead of converting; `models` then selects within it, and no models means all of it."""
    backend: str = "onnxruntime"
    """The runtime that the artifacts are for."""
    graph: str = NATIVE
    """One of `GRAPHS`; a fused one is for `backend`."""
    precision: str = "fp32"
    file_precision: str = ""
    """The precision that `onnx_files` are measured in, to which those of fp32 are converted; empty for that of each
    file's own graph."""
    float16_io: bool = False
    """fp16: whether input and output are float16 too, which no backend here supports."""
    int8_scheme: str = ""
    """int8: one of `INT8_SCHEMES`; the backend's if empty."""
    calibration_images: Path | None = None
    """Folder of images that int8 takes its ranges from, and on which released weights that need it are recalibrated;
    None for generated images."""
    calibration_count: int | None = None
    """int8: largest number of the folder's images that are used; `DEFAULT_CALIBRATION_COUNT` if None."""
    batch: int = 1
    weights: str = PROBE
    """`probe`, `released`, `auto`, or the path of a checkpoint."""
    mirror: str = ""
    """A folder or URL that released weights are fetched from, instead of the releases' own servers."""
    weights_lock: Path | None = None
    """The lock file with the digests of released weights; the cache's own if None."""
    implementation: str = IMPLEMENTATIONS[0]
    """One of `IMPLEMENTATIONS`: whose code builds the zoo's models."""
    exporter: str = DEFAULT_EXPORTER
    opset: int = DEFAULT_OPSET
    resolution: int | None = None
    """Input size in pixels of user networks, and of ONNX files that leave it free."""
    preprocessing: str = ""
    """How images are prepared for user networks, for int8's ranges as for the accuracy: the name of a zoo model, or a
    TOML file; the usual way is assumed if empty."""
    conversion_timeout_s: float = 900.0
    workers: int = 0
    """Conversions at a time; 0 for the number of physical cores."""

    def cards(self) -> list[ModelCard]:
        """The requested cards of the zoo and of libraries.

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
        """Refuses requests that could only fail later.

        Raises:
            HarnessError: the request cannot be carried out; the message says which option to change.
        """
        if not (self.models or self.own_models or self.onnx_files or self.artifacts):
            raise HarnessError("no models are selected: give --models, --timm, --torchvision, --model or --onnx")
        if not isinstance(self.batch, numbers.Integral) or self.batch < 1:
            raise HarnessError(f"--batch {self.batch}: give a number of at least 1")
        if self.exporter not in EXPORTERS:
            raise HarnessError(f"--exporter {self.exporter}: choose one of {', '.join(EXPORTERS)}")
        if self.precision not in MEASURED_PRECISIONS:
            raise HarnessError(f"--precision {self.precision}: choose one of {', '.join(MEASURED_PRECISIONS)}")
        if self.graph not in GRAPHS:
            raise HarnessError(f"--graph {self.graph}: choose one of {', '.join(GRAPHS)}")
        if self.float16_io and self.precision != "fp16":
            raise HarnessError("--float16-io: add --precision fp16")
        self._check_calibration()
        self._check_preprocessing()
        self._check_files()
        for reference in self.own_models:
            _check_reference(reference)
        if self.artifacts:
            self._check_conversion_options()
            return
        self._check_weights()

    def _check_files(self) -> None:
        for file in self.onnx_files:
            if not file.path.is_file():
                raise HarnessError(f"--onnx {file.path}: {no_file(file.path)}")
        if self.custom_operators and not self.onnx_files:
            raise HarnessError(f"--custom-operators {self.custom_operators}: it is for ONNX files; add --onnx")
        check_shapes(named(self.onnx_files).values(), self.shapes)
        if self.inputs:
            feed = Feed.of(self.inputs)
            if not (self.own_models or self.onnx_files):
                option = "--input" if feed.file else "--input-range"
                raise HarnessError(
                    f"{option} {feed}: it is for user networks, and models of the zoo take noise as their images; add "
                    "--model or --onnx"
                )
        check_companions(self.inputs, self.custom_operators)

    def _check_weights(self) -> None:
        cards = self.cards()
        self._check_implementation(cards)
        self._check_resolution(cards)
        if self.weights in (RELEASED, AUTO):
            return
        for option, value in (("--mirror", self.mirror), ("--weights-lock", self.weights_lock)):
            if value:
                raise HarnessError(f"{option} {value}: nothing is fetched; add --weights released, or auto")
        if self.weights != PROBE:
            if not Path(self.weights).is_file():
                raise HarnessError(
                    f"--weights {self.weights}: no such file; give probe, released, auto, or a checkpoint's path"
                )
            if not cards and (self.own_models or self.onnx_files):
                raise HarnessError(
                    f"--weights {self.weights}: user networks have their own weights: load the file in the function of "
                    "--model"
                )
            if len(cards) != 1:
                raise HarnessError(f"--weights FILE belongs to one model, but {len(cards)} are selected")

    @property
    def calibration_limit(self) -> int:
        """Largest number of images that int8 is calibrated on."""
        return self.calibration_count or DEFAULT_CALIBRATION_COUNT

    @property
    def artifact_precision(self) -> str:
        """The precision of the artifacts of models, which may be computed in another."""
        return graph_precision(self.precision)

    @property
    def scheme(self) -> str:
        """The scheme of int8: as asked, else by the rules of the backend that will run it."""
        return self.int8_scheme or usual_int8_scheme(self.backend)

    @property
    def converts_files(self) -> bool:
        """Whether another precision, or a fused graph, is made from ONNX files of fp32."""
        changed = self.graph == FUSED or self.file_precision not in ("", ArtifactRequest.precision)
        return bool(self.onnx_files) and changed

    def with_readable_opset(self) -> ArtifactRequest:
        """The request with the newest opset that its backend reads, up to the requested one."""
        runtime = backends.get(self.backend)
        limit = runtime.opset_limit() if runtime.on_gpu and runtime.availability().usable else None
        return dataclasses.replace(self, opset=min(self.opset, limit or self.opset))

    def recalibrates(self, card: ModelCard) -> bool:
        """Whether the card's weights are recalibrated on the given images."""
        return card.checkpoint.recalibration and self.weights != PROBE and self.calibration_images is not None

    def _check_implementation(self, cards: list[ModelCard]) -> None:
        """Refuses models without original code; a missing checkout only fails the rows of its models."""
        if self.implementation == IMPLEMENTATIONS[0]:
            return
        from zoo.errors import ReleaseError
        from zoo.releases.pins import release_source

        if self.own_models:
            raise HarnessError(f"--implementation {self.implementation}: {self.own_models[0]} has no release")
        try:
            for source in dict.fromkeys(card.source for card in cards):
                release_source(source)
        except ReleaseError as error:
            raise HarnessError(f"--implementation {self.implementation}: {error}") from error

    def _check_resolution(self, cards: list[ModelCard]) -> None:
        """Refuses a size for networks of libraries alone, whose weights decide it."""
        if self.resolution is None or not cards:
            return
        from zoo.libraries import SOURCES

        sized = next((card for card in cards if card.source in SOURCES), None)
        if sized is None or self.own_models or self.onnx_files:
            return
        raise HarnessError(
            f"--resolution {self.resolution}: {sized.name} takes images of {sized.resolution} pixels, as its library "
            "states; give a function that builds it for another size (--model MODULE:FUNCTION)"
        )

    def own_preprocessing(self) -> Preprocessing | None:
        """How images are prepared for user networks; None if it is not stated.

        Raises:
            HarnessError: `preprocessing` is neither a model of the zoo nor a file that describes one.
        """
        if not self.preprocessing:
            return None
        from zoo.errors import ZooError
        from zoo.own_preprocessing import stated_preprocessing

        try:
            return stated_preprocessing(self.preprocessing)
        except ZooError as error:
            raise HarnessError(f"--preprocessing {error}") from error

    def _check_preprocessing(self) -> None:
        stated = self.own_preprocessing()
        if stated is None:
            return
        if not (self.own_models or self.onnx_files or self.artifacts):
            raise HarnessError(
                f"--preprocessing {self.preprocessing}: it is that of user networks, and models of the zoo have their "
                "release's; add --model or --onnx"
            )
        if self.own_models and self.resolution is not None:
            check_fits(stated, self.resolution, f"--preprocessing {self.preprocessing} and --resolution", _LESS)
        asked = AskedShapes(self.batch, self.resolution, self.shapes)
        for path in named(self.onnx_files).values():
            size_px = resolution_as_measured(path, asked)
            if size_px is not None:
                check_fits(stated, size_px, f"--preprocessing {self.preprocessing} and {path}, measured at", _MORE)

    def _check_calibration(self) -> None:
        folder = self.calibration_images
        if self.calibration_count is not None and not self.artifacts:
            if self.calibration_count < 1:
                raise HarnessError(f"--calibration-count {self.calibration_count}: give a number of at least 1")
            if folder is None or self.precision != "int8":
                raise HarnessError(
                    f"--calibration-count {self.calibration_count}: it limits the images that int8 takes its ranges "
                    "from; add --precision int8 and --calibration-images DIR"
                )
        if folder is None:
            return
        if self.artifacts:
            if self.precision != "int8":
                raise HarnessError(f"--calibration-images {folder}: only int8 is calibrated; add --precision int8")
            return
        recalibrated = any(self.recalibrates(card) for card in self.cards())
        if self.precision != "int8" and not recalibrated:
            raise HarnessError(
                f"--calibration-images {folder}: nothing here is calibrated; add --precision int8, or for alphanet "
                "--weights released"
            )
        if not folder.is_dir():
            raise HarnessError(f"--calibration-images {folder}: no such folder")
        self._check_images(folder, recalibrated)

    def _check_images(self, folder: Path, recalibrated: bool) -> None:
        from converters.calibration import Calibration
        from converters.errors import ConversionError
        from zoo.errors import WeightsError
        from zoo.training_images import TrainingImages

        try:
            if self.precision == "int8":
                Calibration.of(folder)
            if recalibrated:
                TrainingImages.of(folder)
        except (ConversionError, WeightsError) as error:
            raise HarnessError(f"--calibration-images: {error}") from error

    def _check_conversion_options(self) -> None:
        """Refuses conversion options if artifacts are measured as they are."""
        given = {
            "--model": self.own_models != (),
            "--weights": self.weights != PROBE,
            "--mirror": self.mirror != "",
            "--weights-lock": self.weights_lock is not None,
            "--implementation": self.implementation != IMPLEMENTATIONS[0],
            "--exporter": self.exporter != DEFAULT_EXPORTER,
            "--opset": self.opset != DEFAULT_OPSET,
            "--resolution": self.resolution is not None and not self.onnx_files,
            "--int8-scheme": self.int8_scheme != "" and not self.onnx_files,
            "--calibration-images": self.calibration_images is not None and not self.onnx_files,
            "--calibration-count": self.calibration_count is not None and not self.onnx_files,
        }
        if wrong := [option for option, is_given in given.items() if is_given]:
            raise HarnessError(
                f"{', '.join(wrong)}: nothing is converted with --artifacts. Give it to `convert --export` on "
                "the machine that converts."
            )

    def conversions(self) -> list[ConversionRequest]:
        """The conversions, most expensive first so that the last one does not leave cores idle.

        Weights that have to be fetched are still `released` or `auto`; `harness.artifacts.released` turns them into
        files.
        """
        from converters.request import ConversionRequest, PrecisionOptions

        common = ConversionRequest(
            "",
            implementation=self.implementation,
            exporter=self.exporter,
            opset=self.opset,
            batch=self.batch,
            graph=self.graph,
            backend=self.backend if self.graph == FUSED else "",
            precision=self.artifact_precision,
            options=PrecisionOptions(
                float16_io=self.float16_io,
                # Left alone elsewhere, so that requests for several backends are equal where their artifacts are.
                int8_scheme=self.scheme if self.precision == "int8" else INT8_SCHEMES[0],
                calibration_images=self.calibration_images,
                calibration_count=self.calibration_limit,
            ),
        )
        from zoo.libraries import SOURCES

        cards = sorted(self.cards(), key=lambda card: card.macs, reverse=True)
        of_the_zoo = [
            dataclasses.replace(
                common,
                model=card.name,
                library_card=card if card.source in SOURCES else None,
                weights=self.weights,
                recalibration_images=self.calibration_images if self.recalibrates(card) else None,
            )
            for card in cards
        ]
        own = dataclasses.replace(common, resolution=self.resolution, preprocessing=self.own_preprocessing())
        return of_the_zoo + [dataclasses.replace(own, model=name) for name in dict.fromkeys(self.own_models)]


def _check_reference(reference: str) -> None:
    """Refuses a reference to a user network that has another form.

    Raises:
        HarnessError: see `zoo.own_reference.parse_reference`.
    """
    from zoo.errors import ZooError
    from zoo.own_reference import parse_reference

    try:
        parse_reference(reference)
    except ZooError as error:
        raise HarnessError(f"--model {error}") from error
