"""Labels of images from a file, in any of the common forms.

| form | line |
|---|---|
| Kaggle's `LOC_val_solution.csv` | `ILSVRC2012_val_00000001,n01751748 156 48 272 332` |
| any table with a header | `"cat_1.jpg","cat"`, below `ImageId,Class` |
| Tiny ImageNet's `val_annotations.txt` | `val_0.JPEG n03444034 0 32 44 62`, with tabs |
| Caffe's and MLPerf's `val.txt`, `val_map.txt` | `ILSVRC2012_val_00000001.JPEG 65`, index in sorted order |
| the same with a wnid | `ILSVRC2012_val_00000001.JPEG n01751748` |
| TensorFlow's `imagenet_2012_validation_synset_labels.txt` | `n01751748`, one line per image |
| the devkit's `ILSVRC2012_validation_ground_truth.txt` | `490`, one line per image, numbered by the devkit |
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from foundation.wording import cause, counted
from harness.datasets import devkit, imagenet
from harness.datasets.classes import Classes, classes_of, counted_classes, indexed_classes
from harness.datasets.label_rows import LabelRow, LabelRows, label_rows
from harness.datasets.numbered import is_number
from harness.datasets.store import is_image
from harness.errors import AccuracyError
from harness.text.lists import few

FORMS = (
    "LOC_val_solution.csv (Kaggle), a CSV with the header ImageId,Class, val.txt (a file name and an index in sorted "
    "order), imagenet_2012_validation_synset_labels.txt (one wnid per line)"
)

_IMAGENET = dataclasses.replace(counted_classes(imagenet.CLASSES), set_name=imagenet.NAME)


@dataclasses.dataclass(frozen=True)
class GroundTruth:
    """The labels of one file."""

    path: Path
    classes: Classes
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
            f"{self.path} has {counted(len(self.labels), 'label')}, but {place} holds {counted(images_count, 'image')}"
            "; give exactly the labels of these images (--limit takes a subset)"
        )


def read_ground_truth(path: Path, order: str = "") -> GroundTruth:
    """The labels of a file in any of the known forms.

    Args:
        path: the file.
        order: how classes that are not ImageNet's are numbered (`classes.classes_of`).

    Raises:
        AccuracyError: the file cannot be read, is in none of the forms, has a class that ImageNet does not have, or
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
    if not text.strip():
        raise AccuracyError(f"{path} is empty; give the labels as {FORMS}")
    found = label_rows(path, text)
    if not found.rows:
        raise AccuracyError(f"{path} has a header but no labels; give the complete file")
    if not found.named and all(is_number(row.label) for row in found.rows):
        return GroundTruth(path, _IMAGENET, tuple(devkit.labels(path, [int(row.label) for row in found.rows])), ())
    classes = _classes(path, found, order)
    stems = tuple(_stem(row.name) for row in found.rows) if found.named else ()
    return GroundTruth(path, classes, tuple(_index(path, row, classes) for row in found.rows), stems)


def _classes(path: Path, found: LabelRows, order: str) -> Classes:
    """The classes of the labels, which are all wnids, all numbers or, beside names of images, all names.

    Numbers are ImageNet's classes in lines `file index`; in a table with a header they are so only beside the names of
    ImageNet's validation images.
    """
    kind = _kind(found.rows[0].label)
    for row in found.rows:
        if _kind(row.label) != kind or not (row.label and (kind != "name" or _may_be_name(row, found))):
            raise _odd_line(path, row)
    labels = list(dict.fromkeys(row.label for row in found.rows))
    if order or kind == "name":
        return classes_of(labels, path, order)
    if kind == "number":
        own = found.headed and not any(imagenet.is_validation_name(_stem(row.name)) for row in found.rows)
        return indexed_classes([int(label) for label in labels]) if own else _IMAGENET
    known = imagenet.index_of_wnid()
    return dataclasses.replace(_IMAGENET, index_of={label: known[label] for label in labels if label in known})


def _kind(label: str) -> str:
    if is_number(label):
        return "number"
    return "wnid" if imagenet.is_wnid(label) else "name"


def _may_be_name(row: LabelRow, found: LabelRows) -> bool:
    """Whether a label may be the name of a class, which any text could be: the rest of the file must be convincing."""
    beside_images = found.headed or (found.named and is_image(found.rows[0].name))
    return beside_images and not re.fullmatch(r"[-+.\d]+", row.label)


def _index(path: Path, row: LabelRow, classes: Classes) -> int:
    if row.label in classes.index_of:
        return classes.index_of[row.label]
    if is_number(row.label) and int(row.label) < classes.count:
        return int(row.label)
    if imagenet.is_wnid(row.label):
        raise AccuracyError(
            f"{path}, line {row.number:,}: {row.label} is not one of ImageNet's 1,000 classes; give ImageNet's labels, "
            "or take the wnids for your own classes (--class-order name)"
        )
    raise AccuracyError(
        f"{path}, line {row.number:,}: {row.label} is not a class index; beside file names these are from 0 to 999, in "
        f"the sorted order of the wnids. Give the labels as {FORMS}, or state that they are indices of your own "
        "classes (--class-order index)"
    )


def _stem(name: str) -> str:
    file = PurePosixPath(name)
    return file.stem if is_image(file.name) else file.name


def _odd_line(path: Path, row: LabelRow) -> AccuracyError:
    return AccuracyError(f"{path}, line {row.number:,}: {row.line[:80]!r} is not a label; give the labels as {FORMS}")


def _check_once(stems: Sequence[str], place: Path) -> None:
    twice = [stem for stem, count in Counter(stems).items() if count > 1]
    if twice:
        raise AccuracyError(f"{place} has images twice: {few(twice)}; keep each only once")
