from __future__ import annotations

import collections
import csv
import statistics
from pathlib import Path

import pytest

from converters.int8 import SCHEMES
from converters.int8_agreement import agreement_text, decisive, disagreement, zoo_agreement

TABLE = Path(__file__).parents[2] / "docs" / "precision.csv"
VARIANTS = {"tensorrt": "int8", "onnxruntime": "int8:onnxruntime"}


def check(agreement, count=128, images="calibration", relative_l2=0.02):
    return {"images": images, "count": count, "relative_l2": relative_l2, "top1_agreement": agreement}


def measured(scheme):
    with TABLE.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["variant"] == VARIANTS[scheme] and row["status"] == "ok"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_figures_of_the_zoo_are_those_measured(scheme):
    rows, sources = measured(scheme), collections.defaultdict(list)
    for row in rows:
        sources[row["model"].split("/")[0]].append(row)
    counts = {
        source: [(round(float(row["natural_top1_agreement"]) * int(row["natural_images"]))) for row in of_source]
        for source, of_source in sources.items()
    }
    images = {source: sum(int(row["natural_images"]) for row in of_source) for source, of_source in sources.items()}
    rates = [sum(counts[source]) / images[source] for source in sources]
    errors = [statistics.median(float(row["natural_relative_l2"]) for row in rows) for rows in sources.values()]
    stored = zoo_agreement(scheme)
    assert stored.models == len(rows)
    assert stored.top1_agreement == pytest.approx((min(rates), max(rates)), abs=5e-4)
    assert stored.relative_l2 == pytest.approx((min(errors), max(errors)), abs=5e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_model_of_the_zoo_is_warned_of(scheme):
    found = [
        disagreement([check(float(row["natural_top1_agreement"]), int(row["natural_images"]), "natural")], scheme)
        for row in measured(scheme)
    ]
    assert len(found) > 70
    assert set(found) == {""}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("agreement", "count"), [(0.037, 108), (0.45, 128), (0.0, 8)])
def test_a_ruined_graph_is_warned_of_whatever_its_logits_are_off_by(scheme, agreement, count):
    told = disagreement([check(agreement, count, relative_l2=0.003)], scheme)
    assert told.startswith(
        f"int8 often predicts another class than fp32: same top-1 as fp32 on {100 * agreement:.0f} % of {count} "
    )
    assert "--preprocessing" in told
    assert "(zoo: " in told


def test_few_images_prove_nothing():
    assert disagreement([check(0.5, 2)], "tensorrt") == ""


def test_the_images_calibrated_on_decide_over_generated_ones():
    checks = [check(1.0, 2, "probe"), check(0.0, 8, "natural"), check(1.0, 20, "calibration")]
    assert decisive(checks)["images"] == "calibration"
    assert decisive(checks[:2])["images"] == "natural"
    assert disagreement(checks, "tensorrt") == ""
    assert disagreement(checks[:2], "tensorrt") != ""


def test_the_figures_stand_beside_those_of_the_zoo():
    told = agreement_text(check(0.875, 8, "natural", 0.0123), "tensorrt")
    assert told == "same top-1 as fp32 on 88 % of 8 generated images, logits 1.2 % off (zoo: 78 to 100 %, 2 to 12 %)"
