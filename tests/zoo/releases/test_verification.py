from __future__ import annotations

import argparse
import threading

import pytest

import zoo
from zoo.errors import ReleaseError, UnknownModelError, ZooError
from zoo.releases import commands, verification
from zoo.releases.comparison import ReleaseComparison
from zoo.releases.pins import pins_of
from zoo.releases.verification import VerificationSettings, hold_all

CARDS = zoo.cards("gpunet")


@pytest.fixture
def sources_are_here(monkeypatch):
    monkeypatch.setattr(verification, "find", lambda pin, cache_dir: cache_dir)


@pytest.mark.usefixtures("sources_are_here")
def test_every_model_has_its_row_though_one_fails():
    def check(card, *_rest):
        if card.variant == "GPUNet-1":
            raise RuntimeError("a bug")
        return ReleaseComparison(card.name, "equal")

    rows = {row.model: row for row in hold_all(CARDS, VerificationSettings(workers=2), check)}
    assert set(rows) == {card.name for card in CARDS}
    assert rows.pop("gpunet/GPUNet-1") == ReleaseComparison("gpunet/GPUNet-1", "failed", "RuntimeError: a bug")
    assert {row.status for row in rows.values()} == {"equal"}


def test_models_without_sources_are_answered_with_the_command_and_start_nothing(tmp_path):
    def check(*_arguments):
        raise AssertionError("started")

    rows = list(hold_all(CARDS, VerificationSettings(cache_dir=tmp_path), check))
    assert [row.model for row in rows] == [card.name for card in CARDS]
    assert {row.status for row in rows} == {"no_sources"}
    assert all(row.reason.endswith("python -m zoo fetch --sources gpunet") for row in rows)


def test_a_checkout_that_is_not_the_release_fails_its_models_alone(tmp_path, monkeypatch):
    def find(pin, _cache_dir):
        if pin in pins_of(["lanet"]):
            raise ReleaseError("edited")

    monkeypatch.setattr(verification, "find", find)
    cards = [*zoo.cards("lanet"), *CARDS[:1]]
    found = hold_all(cards, VerificationSettings(), lambda card, *_: ReleaseComparison(card.name, "equal"))
    assert {row.model: row.status for row in found} == {cards[0].name: "failed", cards[1].name: "equal"}


@pytest.mark.usefixtures("sources_are_here")
def test_an_end_in_between_ends_the_workers_and_starts_no_more():
    started, ended = [], []

    def check(card, _source, _settings, _limits, stop: threading.Event):
        started.append(card.name)
        if len(started) > 1:
            ended.append(stop.wait(30))
        return ReleaseComparison(card.name, "equal")

    rows = hold_all(CARDS, VerificationSettings(workers=1), check)
    next(rows)
    rows.close()
    assert len(started) <= 2
    assert ended in ([], [True])


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands.add_verify(parser.add_subparsers())
    return parser.parse_args(["verify", *words])


def test_the_command_prints_the_table_and_answers_by_its_exit_code(tmp_path, capsys, monkeypatch):
    def hold(cards, settings):
        assert settings.operators_by == ""
        assert (settings.workers, settings.limits.timeout_s, settings.limits.memory_mib) == (3, 7.0, 100)
        # In the order in which they finish, not that of the catalogue.
        for card in reversed(cards):
            yield ReleaseComparison(card.name, "equal", logits_error=1e-7)

    monkeypatch.setattr(commands, "hold_all", hold)
    options = [
        "--no-export",
        "--workers",
        "3",
        "--timeout",
        "7",
        "--memory",
        "100",
        "--output",
        str(tmp_path / "t.csv"),
    ]
    assert commands.verify(parsed("--against-release", "gpunet", *options)) == 0
    shown = capsys.readouterr()
    assert "[1/7] gpunet/GPUNet-D2  equal  logits 1.0e-07" in shown.err or "[1/7]" in shown.err
    assert "7 of 7 models equal their release" in shown.err
    names = [line.split()[0] for line in shown.out.splitlines()[1:]]
    assert names == [card.name for card in CARDS]
    assert (tmp_path / "t.csv").read_text().count("\n") == 8


def test_the_exit_code_is_one_if_a_model_is_not_equal(capsys, tmp_path):
    assert commands.verify(parsed("--against-release", "lanet", "--cache-dir", str(tmp_path))) == 1
    assert "no_sources" in capsys.readouterr().out


def test_what_is_finished_is_kept_if_the_command_is_interrupted(tmp_path, capsys, monkeypatch):
    def hold(cards, settings):
        yield ReleaseComparison(cards[1].name, "equal")
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "hold_all", hold)
    with pytest.raises(KeyboardInterrupt):
        commands.verify(parsed("--against-release", "gpunet", "--output", str(tmp_path / "t.csv")))
    assert CARDS[1].name in capsys.readouterr().out
    assert (tmp_path / "t.csv").read_text().splitlines()[1].startswith(f"{CARDS[1].name},equal,")


def test_exported_graphs_are_compared_unless_they_are_not_wanted(monkeypatch):
    seen = []

    def hold(cards, settings):
        seen.append((len(cards), settings.operators_by))
        yield from (ReleaseComparison(card.name, "equal") for card in cards)

    monkeypatch.setattr(commands, "hold_all", hold)
    commands.verify(parsed("--against-release"))
    assert seen == [(len(zoo.cards()), "converters.operators:count")]


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["nothing-like-it"], UnknownModelError, "unknown model"),
        (["lanet", "--output", "x.txt"], ReleaseError, "ends in"),
        (["lanet", "--workers", "-1"], ZooError, "--workers -1"),
        (["lanet", "--timeout", "0"], ZooError, "--timeout 0"),
        (["lanet", "--memory", "-1"], ZooError, "--memory -1"),
    ],
)
def test_a_bad_request_is_refused(words, error, message):
    with pytest.raises(error, match=message):
        commands.verify(parsed("--against-release", *words))


def test_sources_are_fetched_though_one_fails(monkeypatch, capsys, tmp_path):
    def check_out(pin, cache_dir, listener):
        listener(f"cloning {pin.name}")
        if pin.name == "mobile-vision":
            raise ReleaseError("cannot be reached")
        return cache_dir / pin.folder_name

    monkeypatch.setattr(commands, "check_out", check_out)
    assert commands.fetch_sources(["fbnet"], tmp_path) == 1
    shown = capsys.readouterr()
    assert "mobile-vision: cannot be reached" in shown.err
    assert shown.out == f"{tmp_path / 'mobile-vision-2021@320a8810dc2aff27d57a20c85e35478e5c099946'}\n"
    assert commands.fetch_sources(["lanet"], tmp_path) == 0


def test_a_source_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ReleaseError, match="'nobody'; known"):
        commands.fetch_sources(["nobody"], tmp_path)
