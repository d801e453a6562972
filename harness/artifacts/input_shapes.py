"""The fixed input shapes of a file that leaves some of them free: as asked, else as is usual."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.errors import ArtifactError
from harness.files.shapes import batch_of, first_image, image_axes, is_picture, resolution_of

if TYPE_CHECKING:
    from harness.files.onnx_graph import OnnxGraph, OnnxValue, Shape

ASSUMED_RESOLUTION = 224
_ASSUMED_CHANNELS = 3


@dataclasses.dataclass(frozen=True)
class AskedShapes:
    """What the user says of free dimensions."""

    batch: int = 1
    resolution: int | None = None
    shapes: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    """The whole shape of inputs by name."""


@dataclasses.dataclass(frozen=True)
class FixedShapes:
    """Fixed shapes of a graph's inputs."""

    shapes: Mapping[str, tuple[int, ...]]
    """Of every input, by name."""
    symbols: Mapping[str, int]
    """The sizes of named dimensions, which outputs may have too."""
    notes: tuple[str, ...]
    """What was fixed or could not be changed, each without capital and full stop."""


def fixed_shapes(graph: OnnxGraph, asked: AskedShapes) -> FixedShapes:
    """Fixes the shapes of all inputs; dimensions of one name get one size.

    Raises:
        ArtifactError: what is asked contradicts the file, or a size is neither asked nor usual.
    """
    fixing = _Fixing(asked)
    tensors = [value for value in graph.inputs if value.dtype]
    for value in sorted(tensors, key=lambda value: value.name not in asked.shapes):
        fixing.fix(value)
    fixing.refuse_unknown()
    return FixedShapes(fixing.shapes, fixing.symbols, (*fixing.notes, *_ignored(tensors, asked)))


def _ignored(inputs: list[OnnxValue], asked: AskedShapes) -> list[str]:
    """What was asked of batch and resolution although the file fixes another."""
    shapes = [value.shape or () for value in inputs]
    if not shapes:
        return []
    image = inputs[first_image(shapes)]
    notes = []
    batch, own = batch_of(image.shape or ()), resolution_of(image.shape or ())
    if batch is not None and asked.batch not in (1, batch) and image.name not in asked.shapes:
        notes.append(f"the file fixes its batch at {batch}, so --batch {asked.batch} has no effect")
    if own is not None and asked.resolution not in (None, own) and image.name not in asked.shapes:
        notes.append(f"the file fixes its resolution at {own}, so --resolution {asked.resolution} has no effect")
    return notes


class _Fixing:
    """Collects the sizes, input by input."""

    def __init__(self, asked: AskedShapes) -> None:
        self._asked = asked
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.symbols: dict[str, int] = {}
        self.notes: list[str] = []
        self._unknown: list[tuple[OnnxValue, str]] = []
        """Inputs with sizes that are neither asked nor usual, and an example of their shapes."""

    def refuse_unknown(self) -> None:
        """Refuses inputs whose sizes are not known.

        Raises:
            ArtifactError: there are some; the message has the options for all of them.
        """
        if not self._unknown:
            return
        inputs = " and ".join(f"{value.name!r} {value.shape_text()}" for value, _ in self._unknown)
        options = " ".join(f"--shape {value.name}:{example}" for value, example in self._unknown)
        what = "input" if len(self._unknown) == 1 else "inputs"
        leaves = "leaves" if len(self._unknown) == 1 else "leave"
        raise ArtifactError(f"{what} {inputs} {leaves} sizes free that have no usual value; state them: {options}")

    def fix(self, value: OnnxValue) -> None:
        given = self._asked.shapes.get(value.name)
        shape: Shape | None = given if value.shape is None else value.shape
        if shape is None:
            raise ArtifactError(f"input {value.name!r} has no shape; state it: --shape {value.name}:1x3x224x224")
        assumed: list[str] = []
        found = [self._size(value, shape, axis, given, assumed) for axis in range(self._rank(value, shape, given))]
        sizes = tuple(size for size in found if size is not None)
        if len(sizes) < len(found):
            self._unknown.append((value, _example(shape, found)))
            return
        for size, fixed in zip(shape, sizes, strict=True):
            if isinstance(size, str) and size:
                self.symbols[size] = fixed
        self.shapes[value.name] = sizes
        if not value.is_fixed:
            text = f"input {value.name!r} {value.shape_text()} is fixed at {shape_text(sizes)}"
            self.notes.append(f"{text} ({', '.join(assumed)})" if assumed else text)

    def _rank(self, value: OnnxValue, shape: Shape, given: tuple[int, ...] | None) -> int:
        if given is not None and len(given) != len(shape):
            raise ArtifactError(
                f"--shape {value.name}:{shape_text(given)} has {len(given)} dimensions, but the input is "
                f"{value.shape_text()}"
            )
        return len(shape)

    def _size(
        self, value: OnnxValue, shape: Shape, axis: int, given: tuple[int, ...] | None, assumed: list[str]
    ) -> int | None:
        size = shape[axis]
        known = size if isinstance(size, int) else self.symbols.get(size)
        if given is not None:
            if known not in (None, given[axis]):
                raise ArtifactError(
                    f"--shape {value.name}:{shape_text(given)} does not fit the input {value.shape_text()}: dimension "
                    f"{axis} is {known}"
                )
            return given[axis]
        return self._usual(shape, axis, assumed) if known is None else known

    def _usual(self, shape: Shape, axis: int, assumed: list[str]) -> int | None:
        """The size of a free dimension of which --shape says nothing; None if none is usual."""
        axes = image_axes(shape)
        if axis == 0 and len(shape) > 1 and batch_of(shape) is None:
            return self._asked.batch
        if axes is not None and axis in (axes.height, axes.width):
            if self._asked.resolution:
                return self._asked.resolution
            if is_picture(shape):
                if not assumed:
                    assumed.append(f"{ASSUMED_RESOLUTION} pixels assumed, state them with --resolution or --shape")
                return ASSUMED_RESOLUTION
        if axes is not None and axis == axes.channels:
            assumed.append(f"{_ASSUMED_CHANNELS} channels assumed, state them with --shape")
            return _ASSUMED_CHANNELS
        return None


def _example(shape: Shape, found: list[int | None]) -> str:
    """A shape to state, with N for what only the user knows."""
    return shape_text(
        [(size or "N") if isinstance(known, str) else known for known, size in zip(shape, found, strict=True)]
    )


def shape_text(shape: tuple[int, ...] | list[int | str]) -> str:
    """A shape as on the command line: `1x3x224x224`; `scalar` without dimensions."""
    return "x".join(map(str, shape)) or "scalar"
