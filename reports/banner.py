"""The banner of a report: what the figures were measured with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from foundation.vocabulary import FILE, NATIVE, OWN_WEIGHTS, PROBE, RELEASED
from harness.text.tables import cell, table

if TYPE_CHECKING:
    import pandas

    from harness.records.run_info import RunInfo

_DIGEST_CHARACTERS = 16
ALL_FACTS = "All facts of the environment and the run"
_CLOCK_FACTS = ("governor", "boost", "frequency_min_mhz", "frequency_max_mhz")
_GPU = "accelerator.gpu."
# Settings that say nothing about a run without models of the zoo, or without any conversion.
_OF_THE_ZOO = ("weights", "mirror", "weights_lock", "implementation")
_OF_CONVERSIONS = ("exporter", "graph", "opset", "resolution", "conversion_timeout_s", "workers", "float16_io")
_WEIGHTS = {RELEASED: "the release's", PROBE: "seeded (probe)", FILE: "a checkpoint's", OWN_WEIGHTS: "the user's own"}
"""Values of the column of that name, in words."""
_GPU_CLOCK_FACTS = ("power_limit_w", "application_clock_sm_mhz", "application_clock_memory_mhz", "clock_max_sm_mhz")


def banner(rows: pandas.DataFrame, info: RunInfo | None) -> str:
    """A table of the facts that all `rows`, from one environment, share.

    Args:
        rows: rows of results.csv.
        info: run.json of their run; without it the banner has only what the rows contain. All its facts
            follow in a folded block, below those a reader looks for.
    """
    shown = _facts_table(main_facts(rows, info))
    if not info:
        return shown
    folded = f"<details><summary>{ALL_FACTS}</summary>\n\n{_facts_table(all_facts(info))}\n</details>\n"
    return f"{shown}\n{folded}"


def main_facts(rows: pandas.DataFrame, info: RunInfo | None) -> dict[str, str]:
    """The facts a reader looks for, without unknown ones; arguments as for `banner`."""
    environment = flattened(info.environment) if info else {}
    settings = flattened(info.settings) if info else {}
    facts = {
        "device": _values(rows, "device"),
        "runtime": ", ".join(text for text in (_values(rows, "runtime"), _values(rows, "provider")) if text),
        "precision": _values(rows, "precision_effective"),
        "graph": "" if (rows["graph"] == NATIVE).all() else _values(rows, "graph"),
        "weights": ", ".join(_WEIGHTS.get(kind, kind) for kind in rows["weights"].unique() if kind),
        "threads": _values(rows, "threads"),
        "clock policy": _clock_policy(environment) if info else "",
        "rounds asked for": settings.get("rounds", ""),
        "measured": _period(rows),
        "rows": ", ".join(f"{count} {status}" for status, count in rows["status"].value_counts().items()),
        "reference network": _values(rows, "reference_sha256", _DIGEST_CHARACTERS),
        "environment id": str(rows["environment_id"].iloc[0]),
    }
    return {name: text for name, text in facts.items() if text}


def all_facts(info: RunInfo) -> dict[str, str]:
    """Every fact of run.json that says something about the run."""
    return {
        **{f"environment: {name}": text for name, text in flattened(info.environment).items()},
        **{f"setting: {name}": text for name, text in flattened(_effective(info.settings)).items()},
        "seed": str(info.seed),
        "harness": info.harness_version,
    }


def _effective(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those that had no effect: the weights of a user's file, for example, are not the probe's."""
    models, own_models = settings.get("models"), settings.get("own_models")
    idle: set[str] = set()
    if settings.get("artifacts") or not models:
        idle |= {*_OF_THE_ZOO}
    if settings.get("artifacts") or not (models or own_models):
        idle |= {*_OF_CONVERSIONS}
    mixed = own_models or settings.get("onnx_files")
    named = {"weights": "weights of models of the zoo and of libraries"} if mixed else {}
    return {named.get(name, name): value for name, value in settings.items() if name not in idle}


def _facts_table(facts: Mapping[str, str]) -> str:
    return table(("", ""), [(cell(name), cell(text)) for name, text in facts.items() if text])


def flattened(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Every fact of a JSON object as text, nested names joined by dots, lists by commas."""
    flat: dict[str, str] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            flat.update(flattened(value, f"{prefix}{name}."))
        elif isinstance(value, list):
            flat[prefix + name] = ", ".join(str(item) for item in value)
        else:
            flat[prefix + name] = "" if value is None else str(value)
    return flat


def _clock_policy(environment: Mapping[str, str]) -> str:
    """What the system reports about its clock; about the GPU's if a GPU was measured."""
    on_gpu = f"{_GPU}name" in environment
    facts = {name: f"{_GPU}{name}" for name in _GPU_CLOCK_FACTS} if on_gpu else {name: name for name in _CLOCK_FACTS}
    known = {name: environment.get(place, "") for name, place in facts.items()}
    said = [f"{name.replace('_', ' ')} {text}" for name, text in known.items() if text]
    return ", ".join(said) or "not reported by this system, so not controlled"


def _values(rows: pandas.DataFrame, name: str, characters: int | None = None) -> str:
    """The distinct values of a column; more than one is worth seeing in a banner."""
    texts = [str(value)[:characters] for value in rows[name].dropna().unique()]
    return ", ".join(text for text in texts if text)


def _period(rows: pandas.DataFrame) -> str:
    times = rows["measured_at"].dropna()
    if times.empty:
        return "nothing yet"
    first, last = times.min(), times.max()
    if first == last:
        return f"{first:%Y-%m-%d %H:%M} UTC"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
