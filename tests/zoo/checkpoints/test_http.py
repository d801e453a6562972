"""Downloads from a server that misbehaves: a good file or a message, and never a bad file in the cache."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import socket

import pytest
from requests.adapters import HTTPAdapter

from tests.fakes import release_server as replies
from tests.fakes.checkpoints import checkpoint_bytes, files_under
from zoo.checkpoints import FetchError, UnreachableError, fetch

PATH = "/models/regnet.pyth"
DATA = checkpoint_bytes()
OTHER = checkpoint_bytes(seed=1)


@pytest.fixture
def released(server, card_of):
    """The card of a file that the server holds."""
    server.files[PATH] = DATA
    return card_of(server.url(PATH))


def refused(card, settings, match):
    """Fetching fails with that message, which names the URL, and the cache holds nothing that could be taken."""
    with pytest.raises(FetchError, match=match) as caught:
        fetch(card, settings)
    assert card.checkpoint.url in str(caught.value)
    left = files_under(settings.folder)
    assert not [name for name in left if ".part" not in name], left
    return caught.value


def test_a_good_file(released, settings, server, notes):
    found = fetch(released, settings)
    assert found.path.read_bytes() == DATA
    assert found.sha256 == found.download_sha256 == hashlib.sha256(DATA).hexdigest()
    assert found.url == released.checkpoint.url
    host = server.address.removeprefix("http://").replace(":", "_")
    assert found.path == settings.folder / host / "models" / "regnet.pyth"
    assert files_under(settings.folder) == [f"{host}/models/regnet.pyth", "lock.toml"]
    assert notes.starts == [("regnet.pyth", 0, len(DATA))]
    assert notes.done_bytes == len(DATA)


def test_a_cached_file_is_not_asked_for_again(released, settings, server):
    first = fetch(released, settings)
    assert fetch(released, settings) == first
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [500, 502, 503, 504, 429, 408])
def test_errors_that_pass(released, settings, server, notes, code):
    server.script(PATH, replies.status(code), replies.status(code, Retry_After="0"), replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA
    assert [f"answers {code}" in note for note in notes.notes] == [True, True]


def test_a_server_that_stays_broken(released, settings, server):
    server.script(PATH, replies.status(500))
    refused(released, settings, "answers 500.*tried 3 times.*run the same command again.*--mirror")
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("code", "match"),
    [(404, "moved or removed.*--mirror"), (410, "moved or removed"), (403, "not public"), (401, "not public")],
)
def test_answers_that_are_final(released, settings, server, code, match):
    server.script(PATH, replies.status(code))
    refused(released, settings, match)
    assert len(server.requests) == 1


def test_a_cut_file_is_continued(released, settings, server, notes):
    server.script(PATH, replies.cut(0.6), replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA
    first, second = server.asked(PATH)
    assert "Range" not in first
    assert second["Range"] == f"bytes={int(len(DATA) * 0.6)}-"
    assert second["If-Range"] == f'"{hashlib.md5(DATA).hexdigest()}"'
    assert notes.starts[1] == ("regnet.pyth", int(len(DATA) * 0.6), len(DATA))


def test_what_an_earlier_process_left_is_continued(released, settings, server):
    server.script(PATH, replies.cut_rest(0.1))
    refused(released, settings, "tried 3 times")
    server.script(PATH, replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA
    assert server.asked(PATH)[-1]["Range"].startswith("bytes=")


def test_a_part_that_is_whole_already_is_not_asked_for_again(released, settings, server):
    # Killed after the last byte, before the file was moved into place.
    found = fetch(released, settings)
    found.path.rename(found.path.with_name("regnet.pyth.part"))
    note = {"url": found.url, "etag": "x", "last_modified": "", "total_bytes": len(DATA)}
    found.path.with_name("regnet.pyth.part.json").write_text(json.dumps(note))
    assert fetch(released, settings).path.read_bytes() == DATA
    assert len(server.requests) == 1


def test_a_server_that_cuts_every_answer_is_given_up(released, settings, server):
    server.script(PATH, replies.cut(0.5))
    refused(released, settings, "tried 3 times")


def test_progress_does_not_count_as_a_failure(server, card_of, settings):
    data = checkpoint_bytes(values=4_000_000)
    server.files[PATH] = data
    # Each answer brings a sixth of what is left: more attempts than patience has, and each brings a megabyte.
    server.script(PATH, *[replies.cut_rest(0.17)] * 4, replies.well)
    patient = dataclasses.replace(settings.patience, attempts=2)
    found = fetch(card_of(server.url(PATH)), dataclasses.replace(settings, patience=patient))
    assert found.path.read_bytes() == data
    assert len(server.requests) == 5


def test_starting_again_is_not_progress(server, card_of, settings):
    server.files[PATH] = checkpoint_bytes(values=1_000_000)
    # Megabytes in each attempt, none of which can be continued.
    server.script(PATH, *[replies.announced(lambda length: length + 10)] * 6, replies.well)
    refused(card_of(server.url(PATH)), settings, "tried 3 times")
    assert len(server.requests) == 3


def test_a_file_that_changes_between_two_attempts_is_fetched_again(released, settings, server):
    server.script(PATH, replies.cut(0.5))
    refused(released, settings, "tried 3 times")
    server.files[PATH] = OTHER
    server.script(PATH, replies.well)
    assert fetch(released, settings).path.read_bytes() == OTHER


def ignores_if_range(handler, data):
    """The rest of whatever the file is now, as some servers send it."""
    del handler.headers["If-Range"]
    replies.well(handler, data)


def test_a_changed_file_is_not_mixed_if_the_server_ignores_if_range(released, settings, server, notes):
    server.script(PATH, replies.cut(0.5))
    refused(released, settings, "tried 3 times")
    server.files[PATH] = OTHER
    server.script(PATH, ignores_if_range)
    assert fetch(released, settings).path.read_bytes() == OTHER
    assert "changed on the server" in notes.notes[-1]


def test_a_server_without_ranges(released, settings, server):
    server.script(PATH, replies.without_length(0.5), replies.without_ranges)
    refused(released, settings, "truncated ZIP")
    assert fetch(released, settings).path.read_bytes() == DATA


def test_a_part_whose_version_nobody_knows_is_not_continued(released, settings, server):
    server.script(PATH, replies.announced(lambda length: length + 10))
    refused(released, settings, "tried 3 times")
    server.script(PATH, replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA
    assert "Range" not in server.asked(PATH)[-1]


@pytest.mark.parametrize(
    "note", [b"", b"[" * 9, b"{}", b'{"url": "URL", "etag": "a", "last_modified": "", "total_bytes": "9"}']
)
def test_a_part_with_a_damaged_note_is_not_continued(released, settings, server, note):
    server.script(PATH, replies.cut_rest(0.1))
    refused(released, settings, "tried 3 times")
    (path,) = settings.folder.rglob("*.part.json")
    path.write_bytes(note.replace(b"URL", released.checkpoint.url.encode()))
    server.script(PATH, replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA
    assert "Range" not in server.asked(PATH)[-1]


@pytest.mark.parametrize("legacy", [False, True])
def test_a_length_that_is_too_small(server, card_of, settings, legacy):
    server.files[PATH] = checkpoint_bytes(legacy=legacy)
    server.script(PATH, replies.announced(lambda length: length - 100))
    refused(card_of(server.url(PATH)), settings, "truncated")


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_cut_where_nobody_says_its_length(server, card_of, settings, legacy):
    server.files[PATH] = checkpoint_bytes(legacy=legacy)
    server.script(PATH, replies.without_length(0.7))
    refused(card_of(server.url(PATH)), settings, "truncated")


def test_chunks(released, settings, server):
    server.script(PATH, replies.chunked(0.5), replies.chunked())
    assert fetch(released, settings).path.read_bytes() == DATA


def test_a_trickle_is_not_a_download(released, settings, server):
    server.script(PATH, replies.trickle)
    refused(released, settings, r"only \d+ bytes came within")


def test_a_file_without_end_is_given_up_at_the_limit(released, settings, server, notes):
    server.script(PATH, replies.endless())
    limit = 1 << 20
    refused(released, dataclasses.replace(settings, limit_bytes=limit), r"continues after 1\.0 MiB.*Nothing was kept")
    assert limit - (1 << 18) < notes.done_bytes <= limit
    assert len(server.requests) == 1
    assert files_under(settings.folder) == []


def test_a_file_that_is_stated_to_be_too_large_is_not_begun(released, settings, server, notes):
    server.script(PATH, replies.announced(lambda _: 5 << 30))
    refused(released, settings, r"has 5120\.0 MiB, as the server states, and no released checkpoint comes near 4 GiB")
    assert notes.starts == []
    assert files_under(settings.folder) == []


def test_a_rest_that_continues_beyond_the_stated_end(released, settings, server):
    half = len(DATA) // 2
    content_range = f"bytes {half}-{len(DATA) - 1}/{len(DATA)}"
    server.script(PATH, replies.cut(0.5), replies.endless(206, Content_Range=content_range))
    refused(released, settings, f"continues after {len(DATA)} bytes")
    assert files_under(settings.folder) == []


def test_silence_instead_of_an_answer(released, settings, server):
    server.script(PATH, replies.silence)
    refused(released, settings, "no answer within 0.3 s")


def test_silence_in_the_middle(released, settings, server, notes):
    server.script(PATH, replies.stops(0.5), replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA
    assert "nothing came for 0.3 s" in notes.notes[0]


def test_a_connection_that_ends_without_an_answer(released, settings, server):
    server.script(PATH, replies.drops, replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA


def test_redirects_are_followed(released, settings, server):
    server.script(PATH, replies.redirect("/elsewhere"))
    server.files["/elsewhere"] = DATA
    server.script("/elsewhere", replies.cut(0.5), replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA
    assert "Range" in server.asked("/elsewhere")[1]


def test_redirects_without_end(released, settings, server):
    server.script(PATH, replies.redirect(PATH))
    refused(released, settings, "redirects endlessly")


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://127.0.0.1/model.pth", "http://[::1", "http://a..b/", "\xff"]
)
def test_redirects_to_what_is_not_a_web_page(released, settings, server, place):
    server.script(PATH, replies.redirect(place))
    refused(released, settings, "cannot be requested.*check the URL")
    assert len(server.requests) == 1


def test_a_redirect_to_an_open_connection_is_not_followed_to_its_file(card_of, settings, server, monkeypatch):
    def rerouted(self, request, *arguments, **options):
        asked = request.url
        request.url = asked.replace("https://release.invalid", server.address)
        response = send(self, request, *arguments, **options)
        response.url = asked
        return response

    send = HTTPAdapter.send
    monkeypatch.setattr(HTTPAdapter, "send", rerouted)
    server.files["/elsewhere"] = DATA
    card = card_of(f"https://release.invalid{PATH}")
    server.script(PATH, replies.redirect(server.url("/elsewhere")))
    refused(card, settings, f"redirects to {server.url('/elsewhere')} over an unencrypted connection.*--mirror")
    assert files_under(settings.folder) == []
    server.script(PATH, replies.redirect("https://release.invalid/elsewhere"))
    assert fetch(card, settings).path.read_bytes() == DATA


@pytest.mark.parametrize("length", ["\xb2", "9" * 5000, "-5", "50, 50"])
def test_lengths_that_are_not_sizes(released, settings, server, length):
    server.script(PATH, replies.with_headers({"Content-Length": length}, replies.without_length()))
    with contextlib.suppress(FetchError):
        assert fetch(released, settings).path.read_bytes() == DATA


def test_a_rest_of_absurd_position(released, settings, server):
    far = f"bytes {'4' * 5000}-{'5' * 5000}/{'6' * 5000}"
    server.script(PATH, replies.cut(0.5), replies.status(206, Content_Range=far), replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA


def test_what_a_server_says_does_not_control_the_terminal(released, settings, server):
    def reply(handler, data):
        handler.send_response(404, "\x1b[31mgone\x07")
        handler.end_headers()

    server.script(PATH, reply)
    assert "404 \\x1b[31mgone\\x07: the release moved" in str(refused(released, settings, "404"))


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (b"<!DOCTYPE html><html><title>Sign in\n to the hotel</title>", "HTML page that says 'Sign in to the hotel'"),
        (b'{"message": "Model not found", "requestStatus": {}}', "JSON document that says 'Model not found'"),
        (b'<?xml version="1.0"?><Error><Message>Access Denied</Message></Error>', "XML.*says 'Access Denied'"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS pointer"),
        (b"", "empty file"),
        (b"\x00\x01\x02\x03" * 100, "not a PyTorch or safetensors file"),
        (DATA[: len(DATA) // 2], "truncated ZIP"),
    ],
)
def test_what_is_not_a_checkpoint(released, settings, server, body, match):
    server.script(PATH, replies.instead(body))
    refused(released, settings, f"(?s){match}.*not kept")
    assert files_under(settings.folder) == []
    server.script(PATH, replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA


def test_compressed_although_requested_uncompressed(released, settings, server):
    server.script(PATH, replies.status(200, b"...", Content_Encoding="gzip"))
    refused(released, settings, "is sent compressed")


def test_a_range_that_nobody_asked_for(released, settings, server):
    server.script(PATH, replies.status(206, b"...", Content_Range="bytes 0-2/3"))
    refused(released, settings, "206.*to a request for the whole file")


def test_a_range_that_the_server_does_not_have(released, settings, server):
    server.script(PATH, replies.cut(0.5), replies.status(416), replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA
    assert "Range" not in server.asked(PATH)[2]


def test_a_closed_port(card_of, settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    card = card_of(f"http://127.0.0.1:{port}/model.pth")
    assert isinstance(refused(card, settings, "cannot be reached.*tried 2 times.*--mirror"), UnreachableError)


def test_no_such_host(card_of, settings):
    card = card_of("http://no-such-host.invalid/model.pth")
    assert isinstance(refused(card, settings, "cannot be reached"), UnreachableError)


def test_a_proxy_that_is_not_there(card_of, settings, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://user:secret@127.0.0.1:9")
    monkeypatch.delenv("http_proxy", raising=False)
    error = refused(card_of("http://release.invalid/model.pth"), settings, r"Unable to connect to proxy \(HTTP")
    assert isinstance(error, UnreachableError)
    assert "secret" not in str(error)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_not_there(released, settings, server, monkeypatch, variable):
    monkeypatch.setenv(variable, "/nowhere/ca.pem")
    refused(released, settings, f"{variable} names the certificates /nowhere/ca.pem, which do not exist")
    assert server.requests == []


def test_a_server_that_cannot_be_trusted(server, card_of, settings):
    # A server without TLS, asked for TLS.
    card = card_of(server.url(PATH).replace("http://", "https://"))
    refused(card, settings, "cannot be trusted.*REQUESTS_CA_BUNDLE")


def test_the_servers_wait_is_kept_within_limits(released, settings, server):
    server.script(PATH, replies.status(503, Retry_After="86400"), replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA


@pytest.mark.parametrize("wait", ["Wed, 21 Oct 2099 07:28:00 GMT", "soon", "\xb2", "Mon, 01 Jan 0001 00:00:00 -0000"])
def test_a_wait_until_a_date_or_nonsense(released, settings, server, wait):
    server.script(PATH, replies.status(503, Retry_After=wait), replies.well)
    assert fetch(released, settings).path.read_bytes() == DATA
