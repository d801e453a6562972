"""Which inputs of the zoo's models change with the version of Pillow, and by how much.

    python benchmarks/pillow_versions.py --images photographs/ --python old/bin/python --python new/bin/python

Both interpreters need numpy, and each its Pillow. They decode the same images, and make the crop of every distinct
resampling of the zoo's cards that Pillow computes from three shapes of each: the photograph as it is, its middle third
as an upright strip, and its middle third as a panorama. The other resamplings are computed by numpy from the decoded
pixels, so that their crops are equal wherever these are. The table has the share of the crops that differ between the
two, the share of the values that differ in these, and the largest difference in levels of 0 to 255.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import functools
import itertools
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import zoo
from zoo.preprocessing import (
    Decoded,
    Resampling,
    UnreadableImageError,
    decode,
    libraries_of_crop,
    libraries_text,
    pipeline,
)
from zoo.preprocessing.files import images_below

HERE = Path(__file__).resolve().parents[1]
DECODED = "decoded"
TALL = 2.0
"""Height over width from which a photograph counts as tall."""


@functools.cache
def rules() -> dict[Resampling, list[str]]:
    """The names of the models by the resampling of Pillow that they share."""
    found: dict[Resampling, list[str]] = collections.defaultdict(list)
    for card in zoo.cards():
        resampling = pipeline(card.preprocessing, card.resolution).resampling
        if resampling.library == "pil":
            found[resampling].append(card.name)
    return found


def shapes(pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """The image and its two strips, by what they are called in the table."""
    height, width = pixels.shape[:2]
    proportion = height / width
    kind = "wide or square" if proportion <= 1 else "upright" if proportion <= TALL else "tall"
    return {
        f"photograph, {kind}": pixels,
        "strip, upright": pixels[:, width // 3 : max(width // 3 + 1, 2 * width // 3)],
        "strip, panorama": pixels[height // 3 : max(height // 3 + 1, 2 * height // 3)],
    }


Made = dict[tuple[str, Resampling | str], NDArray[Any]]


def make(path: Path) -> Made:
    """The decoded pixels of an image, and the crops of its shapes; nothing where a rule makes no crop."""
    decoded = decode(path.read_bytes())
    made: Made = {}
    for shape, pixels in shapes(decoded.pixels).items():
        if shape.startswith("photograph"):
            made[shape, DECODED] = pixels
        for rule in rules():
            try:
                made[shape, rule] = rule.apply(Decoded(np.ascontiguousarray(pixels)))
            except UnreadableImageError:
                continue
    return made


def produce(images: list[Path]) -> None:
    """Writes the libraries' versions, then what every image gives, to standard output."""
    pickle.dump(libraries_text(libraries_of_crop(next(iter(rules())), encoded=True)), sys.stdout.buffer)
    for path in images:
        made = {key: (array.dtype.str, array.shape, array.tobytes()) for key, array in make(path).items()}
        pickle.dump(made, sys.stdout.buffer)
        sys.stdout.buffer.flush()


class Producer:
    """A process of another interpreter that runs `produce`."""

    def __init__(self, python: Path, arguments: list[str]) -> None:
        environment = {**os.environ, "PYTHONPATH": str(HERE)}
        line = [str(python), __file__, "--produce", *arguments]
        self._process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._output = self._process.stdout
        self.libraries: str = pickle.load(self._output)

    def images(self) -> Iterator[Made]:
        """What each image gives, in turn."""
        while True:
            try:
                made = pickle.load(self._output)
            except EOFError:
                break
            yield {key: np.frombuffer(data, kind).reshape(shape) for key, (kind, shape, data) in made.items()}
        if self._process.wait():
            raise SystemExit(f"{self._process.args} failed")


@dataclasses.dataclass
class Difference:
    """How much the crops of one kind differ."""

    crops: int = 0
    differing: int = 0
    values: int = 0
    """Values in the differing crops."""
    differing_values: int = 0
    largest: float = 0.0

    def add(self, first: NDArray[Any], second: NDArray[Any]) -> None:
        distance = np.abs(first.astype(np.float32) - second)
        self.crops += 1
        if distance.any():
            self.differing += 1
            self.values += distance.size
            self.differing_values += int(np.count_nonzero(distance))
            self.largest = max(self.largest, float(distance.max()))

    def cells(self) -> tuple[str, ...]:
        share = f"{100 * self.differing_values / self.values:.1f} %" if self.values else ""
        return f"{self.differing} of {self.crops}", share, f"{self.largest:g}" if self.values else ""


def kind_of(rule: Resampling | str) -> str:
    """A rule without its sizes, in words."""
    return rule if isinstance(rule, str) else f"{rule.rule}, {rule.interpolation}"


def main() -> None:
    """Compares the two and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of photographs")
    parser.add_argument(
        "--python", type=Path, action="append", default=[], metavar="FILE", help="give two interpreters"
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth photograph (%(default)s)")
    parser.add_argument("--produce", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    images = list(images_below(arguments.images))[:: arguments.every]
    if arguments.produce:
        produce(images)
        return
    if len(arguments.python) != 2:
        parser.error("give --python twice")
    forwarded = ["--images", str(arguments.images), "--every", str(arguments.every)]
    first, second = (Producer(python, forwarded) for python in arguments.python)
    found: dict[tuple[str, str], Difference] = collections.defaultdict(Difference)
    for one, other in itertools.zip_longest(first.images(), second.images(), fillvalue={}):
        if one.keys() != other.keys():
            raise SystemExit("the two did not make crops of the same images")
        for (shape, rule), crop in one.items():
            found[kind_of(rule), shape].add(crop, other[shape, rule])
    print(f"{len(images):,} images; {first.libraries} against {second.libraries}\n")
    print("| rule | shape | crops that differ | values that differ in these | largest difference |")
    print("|---|---|---:|---:|---:|")
    for (rule, shape), difference in sorted(found.items()):
        print(f"| {rule} | {shape} | {' | '.join(difference.cells())} |")


if __name__ == "__main__":
    main()
