"""What distinguishes the rows of one model, if a table or a picture has several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.names import short_names

if TYPE_CHECKING:
    import pandas

_SAME = ["environment_id", "model", "backend", "precision", "batch"]
_CANDIDATES = ("graph", "implementation", "weights", "exporter", "opset")
_ARTIFACT = "artifact_sha256"
_DIGEST_CHARACTERS = 8


def telling_columns(rows: pandas.DataFrame) -> list[str]:
    """The columns in which rows of the same model, backend, precision and batch differ; usually none.

    The artifact's digest is one of them only if nothing else distinguishes two such rows.
    """
    differing = rows.groupby(_SAME, sort=False)[list(_CANDIDATES)].nunique(dropna=False).gt(1).any()
    columns = [name for name in _CANDIDATES if differing[name]]
    return [*columns, _ARTIFACT] if rows.duplicated([*_SAME, *columns]).any() else columns


def column_texts(rows: pandas.DataFrame, column: str) -> list[str]:
    """The values of one of these columns, or of the precision, as short texts; empty for missing ones."""
    texts = rows[column].astype("string").fillna("").str.removeprefix("torch.onnx.export ")
    return [str(text) for text in (texts.str[:_DIGEST_CHARACTERS] if column == _ARTIFACT else texts)]


def column_title(column: str) -> str:
    """The heading of one of these columns."""
    return "artifact" if column == _ARTIFACT else column


def names_of(rows: pandas.DataFrame) -> list[str]:
    """A short name for each row: the model's, with what distinguishes it from other rows of the model."""
    names = short_names(rows["model"].to_list())
    telling = ["precision"] if rows["precision"].nunique() > 1 else []
    for column in [*telling, *telling_columns(rows)]:
        names = [f"{name} {text}" for name, text in zip(names, column_texts(rows, column), strict=True)]
    return names
