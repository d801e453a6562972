"""Whether networks of fifty families of timm are taken by name, and compute what timm computes.

Each is converted with probe weights and measured for one round, as `run --timm NAME` does. Its artifact is then
compared in ONNX Runtime with a second network that timm makes by itself and that is given the same weights: the
relative L2 error of the output on one image of noise.

    python benchmarks/library_networks.py --output results --table docs/timm_table.md

An interrupted call resumes.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pandas as pd
import timm
import torch
from timm.models import model_entrypoint

import harness
import zoo
from harness.text.tables import cell, table

NETWORKS = (
    "botnet26t_256",
    "cait_xxs24_224",
    "coat_tiny",
    "convit_tiny",
    "convnext_atto",
    "crossvit_tiny_240",
    "cs3darknet_s",
    "deit_tiny_distilled_patch16_224",
    "densenet121",
    "dla46_c",
    "dpn48b",
    "eca_nfnet_l0",
    "edgenext_xx_small",
    "efficientformer_l1",
    "efficientformerv2_s0",
    "efficientvit_b0",
    "efficientvit_m0",
    "ese_vovnet19b_slim_dw",
    "eva02_tiny_patch14_224",
    "fasternet_t0",
    "fastvit_t8",
    "gcvit_xxtiny",
    "ghostnet_100",
    "hardcorenas_a",
    "hgnetv2_b0",
    "hiera_tiny_224",
    "hrnet_w18_small",
    "inception_next_atto",
    "levit_128s",
    "mambaout_femto",
    "mixer_s32_224",
    "mixnet_s",
    "mobilenetv4_conv_small",
    "mobileone_s0",
    "mobilevit_xxs",
    "pit_ti_224",
    "poolformer_s12",
    "pvt_v2_b0",
    "regnety_002",
    "repghostnet_050",
    "repvit_m0_9",
    "resnest14d",
    "resnet18",
    "rexnet_100",
    "shvit_s1",
    "starnet_s050",
    "swiftformer_xs",
    "tiny_vit_5m_224",
    "vit_tiny_patch16_224",
    "xcit_nano_12_p16_224",
)
"""A small network of each of fifty of timm's families, which are its modules."""

SEED = 0

_DOCUMENT = """\
# Networks of timm by name

One small network of each of fifty of timm's families, by `--timm NAME`: converted with probe weights, measured for one
round, and compared in ONNX Runtime with a second network that timm makes by itself and that is given the same weights
(`benchmarks/library_networks.py`). {told}

*relative L2* is the error of the artifact's output on one image of noise. *latency* is relative to the
reference network of the same trial, one trial each on {device}, {runtime}: an order of magnitude. timm {timm},
{exporter}.

"""


def family(name: str) -> str:
    """The module of timm that defines a network."""
    return model_entrypoint(name).__module__.rpartition(".")[2]


def relative_l2(name: str, artifact: str) -> float:
    """The error of an artifact's output with respect to timm's own network with the same weights."""
    native = zoo.load(f"timm/{name}").module
    module = timm.create_model(name).eval()
    module.load_state_dict(native.state_dict())
    session = ort.InferenceSession(artifact, providers=["CPUExecutionProvider"])
    (fed,) = session.get_inputs()
    images = np.random.default_rng(SEED).standard_normal(fed.shape, np.float32)
    with torch.inference_mode():
        expected = module(torch.from_numpy(images)).numpy()
    (found,) = session.run(None, {fed.name: images})
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def table_of(rows: pd.DataFrame) -> str:
    """One line per network in the order of families, with its error, or with the reason why there is none."""
    lines = []
    for row in rows.sort_values("variant", key=lambda names: names.map(family)).itertuples():
        error = relative_l2(row.variant, row.artifact_path) if row.status == "ok" else pd.NA
        lines.append(
            [
                family(row.variant),
                row.variant,
                _text(row.resolution, "{:.0f}"),
                _text(row.parameters, "{:.2f}", 1e6),
                _text(row.macs, "{:.0f}", 1e6),
                _text(error, "{:.1e}"),
                _text(row.ratio_to_reference, "{:.3g}"),
                cell(row.reason if row.status != "ok" else row.warnings),
            ]
        )
        print(*lines[-1], flush=True)
    names = ["family", "network", "pixels", "M parameters", "M multiply-adds", "relative L2", "latency", "remark"]
    return table(names, lines, "llrrrrrl")


def _text(value: Any, form: str, unit: float = 1) -> str:
    """A figure in a unit; empty if there is none."""
    return "" if pd.isna(value) else form.format(value / unit)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--timm", nargs="+", default=NETWORKS, metavar="NAME", help="networks (one of each of fifty families)"
    )
    parser.add_argument("--output", type=Path, default=Path("results"), help="run directory (%(default)s)")
    parser.add_argument("--table", type=Path, help="file to write the table to")
    wanted = parser.parse_args(arguments)
    rows = harness.run(timm=wanted.timm, rounds=1, budget_s=math.inf, output=wanted.output)
    text, measured = table_of(rows), rows[rows.status == "ok"]
    told = f"{len(measured)} of {len(rows)} rows are ok; each other one has its reason."
    print(told)
    if wanted.table:
        facts = {name: measured[name].iloc[0] for name in ("device", "runtime", "exporter")}
        wanted.table.write_text(_DOCUMENT.format(told=told, timm=timm.__version__, **facts) + text, encoding="utf-8")


if __name__ == "__main__":
    main()
