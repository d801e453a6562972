from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import zoo
from zoo.releases.comparison import compare
from zoo.releases.facts import NetworkFacts, gather
from zoo.releases.pins import ExplainedOperators
from zoo.releases.process import Outcome
from zoo.releases.table import cells, check_output, csv_text, markdown_text, plain_text, write

CARD = zoo.card("gpunet/GPUNet-0")
FACTS = NetworkFacts(
    signature_sha256="ab",
    shapes={"conv.weight": (4, 3, 1, 1), "fc.bias": (2,)},
    parameters=14,
    macs=100,
    logits=np.array([[1.0, 2.0], [3.0, 4.0]], np.float32),
    operators={"Conv": 2, "Gemm": 1},
)
EXPLAINED = (ExplainedOperators(("Squeeze", "Reshape"), "the release squeezes"),)


def held(release: NetworkFacts, own: NetworkFacts = FACTS, **options):
    return compare(CARD, Outcome("ok", facts=own), Outcome("ok", facts=release), **options)


def test_equal_networks_are_equal():
    row = held(FACTS)
    assert (row.status, row.reason, row.signature_equal, row.logits_error) == ("equal", "", True, 0.0)
    assert row.operators_equal is True
    assert row.operators_note == ""


def test_rounding_is_not_a_difference():
    assert held(dataclasses.replace(FACTS, logits=FACTS.logits * np.float32(1 + 1e-6))).status == "equal"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"logits": FACTS.logits * np.float32(1 + 1e-4)}, r"logits differ by 1\.0e-04"),
        ({"logits": FACTS.logits * np.nan}, "logits differ by inf"),
        ({"logits": FACTS.logits[:, :1]}, "logits differ by inf"),
        ({"parameters": 15}, "numbers of parameters differ"),
        ({"macs": 101}, "numbers of multiply-adds differ"),
        ({"signature_sha256": "cd"}, "signatures differ: types"),
        ({"operators": {"Conv": 3, "Gemm": 1}}, "exported graphs differ: own against release: Conv -1"),
        (
            {"operators": None, "operators_reason": "ConversionError: no"},
            "exported graphs differ: release not exported: ConversionError: no",
        ),
    ],
)
def test_every_difference_is_reported(change, reason):
    row = held(dataclasses.replace(FACTS, **change))
    assert row.status == "different"
    assert pytest.importorskip("re").fullmatch(reason, row.reason)


def test_tensors_that_differ_are_named():
    shapes = {"conv.weight": (4, 3, 3, 3), "extra": (1,)}
    row = held(dataclasses.replace(FACTS, signature_sha256="cd", shapes=shapes))
    assert row.reason == (
        "signatures differ: only the release has extra; only the own definition has fc.bias; "
        "conv.weight has shape [4, 3, 1, 1], the release's [4, 3, 3, 3]"
    )


def test_operators_that_are_known_to_differ_are_in_order_and_explained():
    release = dataclasses.replace(FACTS, operators={"Conv": 2, "Gemm": 1, "Squeeze": 1})
    row = held(release, explained=EXPLAINED)
    assert row.status == "equal"
    assert row.operators_equal is False
    assert row.operators_note == "own against release: Squeeze -1; the release squeezes"


def test_an_explanation_covers_no_other_operator():
    release = dataclasses.replace(FACTS, operators={"Conv": 3, "Gemm": 1, "Squeeze": 1})
    row = held(release, explained=EXPLAINED)
    assert row.status == "different"
    assert row.reason == f"exported graphs differ: {row.operators_note}"
    assert row.operators_note.startswith("own against release: Conv -1, Squeeze -1; ")


def test_graphs_that_nobody_asked_for_are_not_compared():
    plain = dataclasses.replace(FACTS, operators=None)
    row = held(plain, plain)
    assert (row.status, row.operators_equal, row.operators_note) == ("equal", None, "")


@pytest.mark.parametrize("status", ["failed", "timeout", "out_of_memory", "unsupported"])
def test_a_network_that_was_not_built_costs_the_row_its_figures(status):
    broken = Outcome(status, "it broke")
    row = compare(CARD, Outcome("ok", facts=FACTS), broken)
    assert (row.status, row.reason, row.logits_error) == (status, "release: it broke", None)
    row = compare(CARD, broken, Outcome("ok", facts=FACTS))
    assert (row.status, row.reason) == (status, "own definition: it broke")


def test_the_release_is_compared_with_what_was_recorded_of_it():
    zeros = dataclasses.replace(FACTS, logits=np.zeros((2, CARD.classes), np.float32))
    assert held(zeros).recorded_error == 1.0
    assert held(FACTS).recorded_error is None


def test_facts_survive_their_file():
    again = NetworkFacts.from_json(json.loads(json.dumps(FACTS.to_json())))
    assert np.array_equal(again.logits, FACTS.logits)
    assert again.logits.dtype == np.float32
    assert dataclasses.replace(again, logits=FACTS.logits) == FACTS


class Native:
    """The part of a native model that its facts need."""

    card = CARD

    def signature_sha256(self):
        return "ab"

    def parameters(self):
        return {"fc.bias": np.zeros(2)}

    def count_parameters(self):
        return 2

    def count_macs(self):
        return 1

    def logits(self, images):
        assert images.shape == (2, 3, 320, 320)
        return np.zeros((2, 2), np.float32)


def operators_of(native):
    assert isinstance(native, Native)
    return {"Conv": 1}


def no_operators(_native):
    raise ValueError("cannot\nexport")


def test_facts_are_collected(monkeypatch):
    monkeypatch.setitem(
        __import__("sys").modules,
        "toy_exporter",
        __import__("types").SimpleNamespace(ok=operators_of, bad=no_operators),
    )
    assert gather(Native()).operators is None
    assert gather(Native(), "toy_exporter:ok").operators == {"Conv": 1}
    failed = gather(Native(), "toy_exporter:bad")
    assert failed.operators is None
    assert failed.operators_reason == "ValueError: cannot"
    assert failed.shapes == {"fc.bias": (2,)}


ROWS = [
    held(FACTS, commits="toy@0123456789"),
    held(dataclasses.replace(FACTS, macs=101, operators={"Conv": 2, "Gemm": 1, "Squeeze": 1}), explained=EXPLAINED),
    compare(CARD, Outcome("failed", "not built"), Outcome("timeout", "not | done\nwithin 1 s")),
]


def test_the_csv_holds_every_column_of_every_row():
    import csv
    import io

    read = list(csv.DictReader(io.StringIO(csv_text(ROWS))))
    assert [row["status"] for row in read] == ["equal", "different", "timeout"]
    assert read[0]["operators_own"] == "Conv:2 Gemm:1"
    assert read[0]["commits"] == "toy@0123456789"
    assert (read[1]["macs_own"], read[1]["macs_release"], read[1]["operators"]) == ("100", "101", "different")
    assert read[2]["reason"] == "release: not | done within 1 s"
    assert read[2]["logits_error"] == ""


def test_the_markdown_is_a_table_with_its_notes_below():
    lines = markdown_text(ROWS).splitlines()
    assert lines[0].startswith("| model | status |")
    assert len({line.count(" | ") for line in lines[:5]}) == 1
    assert "100 / 101" in lines[3]
    assert lines[6:] == [
        "- gpunet/GPUNet-0: numbers of multiply-adds differ",
        "- gpunet/GPUNet-0: own against release: Squeeze -1; the release squeezes",
        "- gpunet/GPUNet-0: release: not | done within 1 s",
    ]


def test_the_terminals_table_has_columns_of_equal_width():
    title, *rows = plain_text(ROWS[:2]).splitlines()
    assert rows[0].index("equal") == rows[1].index("different") == title.index("status")


def test_a_row_without_figures_has_empty_cells():
    assert {name for name, text in cells(ROWS[2]).items() if text} == {"model", "status", "reason"}


def test_the_file_is_written_as_its_name_says(tmp_path):
    for name, text in (("a.csv", csv_text(ROWS)), ("a.md", markdown_text(ROWS))):
        check_output(tmp_path / name)
        write(ROWS, tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == text


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_computed(tmp_path):
    from zoo.errors import ReleaseError

    with pytest.raises(ReleaseError, match=r"a\.txt: give it a name that ends in \.csv or \.md"):
        check_output(tmp_path / "a.txt")
    with pytest.raises(ReleaseError, match="no such folder"):
        check_output(tmp_path / "none" / "a.csv")
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ReleaseError, match="give another file"):
        write(ROWS, tmp_path / "a.csv")
