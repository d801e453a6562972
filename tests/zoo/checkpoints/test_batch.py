from __future__ import annotations

import dataclasses

import zoo
from tests.fakes import release_server as replies
from tests.fakes.checkpoints import checkpoint_bytes
from zoo.checkpoints import fetch
from zoo.checkpoints.batch import fetch_many

DATA = checkpoint_bytes()


def test_the_others_are_fetched(server, card_of, settings):
    server.files["/good"] = server.files["/also"] = DATA
    unpublished = zoo.card("efficientnet_x/efficientnet-x-b0")
    cards = [card_of(server.url("/good")), card_of(server.url("/gone")), unpublished, card_of(server.url("/also"))]
    found = list(fetch_many(cards, settings))
    assert [one.card for one in found] == cards
    assert [one.fetched is not None for one in found] == [True, False, False, True]
    assert [one.published for one in found] == [True, True, False, True]
    assert "404" in found[1].problem
    assert [one.was_cached for one in fetch_many([cards[0]], settings)] == [True]


def test_a_file_of_several_models_is_tried_once(server, card_of, settings):
    server.script("/supernet", replies.status(404))
    cards = [card_of(server.url("/supernet"), model=f"alphanet/a{number}") for number in range(3)]
    found = list(fetch_many(cards, settings))
    assert len(server.requests) == 1
    assert "404" in found[0].problem
    assert "could not be fetched for alphanet/a0 either" in found[2].problem


def test_a_silent_host_is_tried_once(server, card_of, settings, notes):
    server.files["/good"] = DATA
    cached = card_of("http://no-such-host.invalid/cached")
    place = settings.folder / "no-such-host.invalid"
    place.mkdir(parents=True)
    (place / "cached").write_bytes(DATA)
    cards = [*(card_of(f"http://no-such-host.invalid/{number}") for number in range(3)), cached]
    found = list(fetch_many([*cards, card_of(server.url("/good"))], settings))
    assert [one.fetched is not None for one in found] == [False, False, False, True, True]
    assert "cannot be reached" in found[0].problem
    assert "not tried: no-such-host.invalid could not be reached" in found[1].problem
    assert len(notes.notes) == 1


def test_a_silent_mirror_is_tried_once(card_of, settings, notes):
    cards = [card_of("https://one/a"), card_of("https://two/b")]
    found = list(fetch_many(cards, dataclasses.replace(settings, mirror="http://no-such-host.invalid")))
    assert "not tried: http://no-such-host.invalid could not be reached" in found[1].problem
    assert len(notes.notes) == 1


def test_a_bad_card_does_not_stop_the_others(server, card_of, settings):
    server.files["/good"] = DATA
    found = list(fetch_many([card_of("ftp://h/a"), card_of(server.url("/good"))], settings))
    assert "fix the card" in found[0].problem
    assert found[1].fetched == fetch(card_of(server.url("/good")), settings)
