"""Labels of ImageNet's images from a file, in any of the common forms.

| form | line |
|---|---|
| Kaggle's `LOC_val_solution.csv` | `ILSVRC2012_val_00000001,n01751748 156 48 272 332` |
| Caffe's and MLPerf's `val.txt`, `val_map.txt` | `ILSVRC2012_val_00000001.JPEG 65`, index in sorted order |
| the same with a wnid | `ILSVRC2012_val_00000001.JPEG n01751748` |
| TensorFlow's `imagenet_2012_validation_synset_labels.txt` | `n01751748`, one line per image |
| the devkit's `ILSVRC2012_validation_ground_truth.txt` | `490`, one line per image, numbered by the devkit |
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from foundation.wording import cause
from harness.datasets import devkit, imagenet
from harness.datasets.store import is_image
from harness.errors import AccuracyError
from harness.text.lists import few

FORMS = (
    "LOC_val_solution.csv (Kaggle), val.txt (a file name and an index in sorted order), "
    "imagenet_2012_validation_synset_labels.txt (one wnid per line)"
)

_KAGGLE_HEADER = "ImageId,PredictionString"


@dataclasses.dataclass(frozen=True)
class GroundTruth:
    """The labels of one file."""

    path: Path
    labels: tuple[int, ...]
    stems: tuple[str, ...]
    """Names of the images without suffix; empty if the file has only labels, in the order of the names."""

    def of(self, images: Sequence[str], place: Path) -> list[int]:
        """The label of every image, in the order given.

        Args:
            images: file names.
            place: where they are, for messages.

        Raises:
            AccuracyError: labels and images do not correspond one to one.
        """
        return self._by_name(images, place) if self.stems else self._by_order(images, place)

    def _by_name(self, images: Sequence[str], place: Path) -> list[int]:
        stems = [PurePosixPath(image).stem for image in images]
        _check_once(self.stems, self.path)
        _check_once(stems, place)
        label_of = dict(zip(self.stems, self.labels, strict=True))
        without_label, without_image = set(stems) - set(label_of), set(label_of) - set(stems)
        if without_label or without_image:
            faults = [
                f"{fault}: {few(names)}"
                for fault, names in (("without label", without_label), ("without image", without_image))
                if names
            ]
            raise AccuracyError(f"{self._counts(len(images), place)} ({'; '.join(faults)})")
        return [label_of[stem] for stem in stems]

    def _by_order(self, images: Sequence[str], place: Path) -> list[int]:
        others = [image for image in images if not imagenet.is_validation_name(PurePosixPath(image).stem)]
        if others:
            raise AccuracyError(
                f"{self.path} has labels without names, in the order of ILSVRC2012_val_00000001 and so on; {place} "
                f"holds other names ({few(others)}); give a file of lines 'file label'"
            )
        if len(images) != len(self.labels):
            raise AccuracyError(self._counts(len(images), place))
        labels = [0] * len(images)
        for label, position in zip(self.labels, sorted(range(len(images)), key=images.__getitem__), strict=True):
            labels[position] = label
        return labels

    def _counts(self, images_count: int, place: Path) -> str:
        return (
            f"{self.path} has {len(self.labels):,} labels, but {place} holds {images_count:,} images; give exactly "
            "the labels of these images (--limit takes a subset)"
        )


def read_ground_truth(path: Path) -> GroundTruth:
    """The labels of a file in any of the known forms.

    Raises:
        AccuracyError: the file cannot be read, is in none of the forms, names a class that ImageNet does not have, or
            numbers classes as the devkit does without the devkit's mapping beside it.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise AccuracyError(f"{path} is a pipe or a device, and labels are read twice; give them as a file")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AccuracyError(f"{path} cannot be read ({cause(error)}); give the file of labels") from error
    except UnicodeDecodeError as error:
        raise AccuracyError(f"{path} is not text ({error.reason}); give the labels as {FORMS}") from error
    lines = [line.strip() for line in text.splitlines()]
    if not any(lines):
        raise AccuracyError(f"{path} is empty; give the labels as {FORMS}")
    if lines[0] == _KAGGLE_HEADER:
        return _named(path, [""] + [line.replace(",", " ", 1).strip() for line in lines[1:]], label_column=1)
    if len(next(filter(None, lines)).split()) == 1:
        return _nameless(path, lines)
    return _named(path, lines, label_column=-1)


def _named(path: Path, lines: Sequence[str], label_column: int) -> GroundTruth:
    """The labels of lines with a file name and a label; empty lines are skipped."""
    stems, labels = [], []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        words = line.split() if label_column == 1 else line.rsplit(maxsplit=1)
        if len(words) < 2:
            raise _odd_line(path, number, line)
        stems.append(_stem(words[0]))
        labels.append(_index(path, number, line, words[label_column]))
    if not labels:
        raise AccuracyError(f"{path} has a header but no labels; give the complete file")
    return GroundTruth(path, tuple(labels), tuple(stems))


def _stem(name: str) -> str:
    file = PurePosixPath(name)
    return file.stem if is_image(file.name) else file.name


def _index(path: Path, number: int, line: str, label: str) -> int:
    """The class index for a label beside a file name."""
    if not _is_number(label):
        return _index_of_wnid(path, number, line, label)
    if int(label) >= imagenet.CLASSES:
        raise AccuracyError(
            f"{path}, line {number:,}: {label} is not a class index; beside file names these are from 0 to 999, in the "
            f"sorted order of the wnids. Give the labels as {FORMS}"
        )
    return int(label)


def _nameless(path: Path, lines: Sequence[str]) -> GroundTruth:
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line]
    if all(_is_number(line) for _, line in numbered):
        labels = devkit.labels(path, [int(line) for _, line in numbered])
    else:
        labels = [_index_of_wnid(path, number, line, line) for number, line in numbered]
    return GroundTruth(path, tuple(labels), ())


def _index_of_wnid(path: Path, number: int, line: str, wnid: str) -> int:
    index = imagenet.index_of_wnid().get(wnid)
    if index is not None:
        return index
    if imagenet.is_wnid(wnid):
        raise AccuracyError(
            f"{path}, line {number:,}: {wnid} is not one of ImageNet's 1,000 classes; give ImageNet's labels"
        )
    raise _odd_line(path, number, line)


def _odd_line(path: Path, number: int, line: str) -> AccuracyError:
    return AccuracyError(f"{path}, line {number:,}: {line[:80]!r} is not a label; give the labels as {FORMS}")


def _check_once(stems: Sequence[str], place: Path) -> None:
    twice = [stem for stem, count in Counter(stems).items() if count > 1]
    if twice:
        raise AccuracyError(f"{place} has images twice: {few(twice)}; keep each only once")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
