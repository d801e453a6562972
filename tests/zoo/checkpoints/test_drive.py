"""Google Drive through gdown itself: only its connections lead to the server of the test."""

from __future__ import annotations

import dataclasses
import errno
import os
from urllib.parse import urlsplit

import pytest
from requests.adapters import HTTPAdapter

from tests.fakes import release_server as replies
from tests.fakes.checkpoints import checkpoint_bytes, files_under, zip_bytes
from zoo.checkpoints import FetchError, UnreachableError, fetch

DATA = checkpoint_bytes()
IDENTIFIER = "1CyZoPyiCoGJ0qv8bqi7s7TQRUum_8FeG"
URL = f"https://drive.google.com/file/d/{IDENTIFIER}/view?usp=sharing"
ASKED = f"/uc?id={IDENTIFIER}"
CONFIRMED = f"/download?id={IDENTIFIER}&confirm=t"
HTML = {"Content-Type": "text/html; charset=utf-8"}
# As Google Drive sends it before large files, shortened; the form is one line there too.
_FORM = (
    '<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    f'<input type="hidden" name="id" value="{IDENTIFIER}"><input type="hidden" name="confirm" value="t"></form>'
)
VIRUS_PAGE = f"<!DOCTYPE html><title>Google Drive - Virus scan warning</title>{_FORM}"
QUOTA_PAGE = (
    "<html><head><title>Google Drive - Quota exceeded</title></head><body>"
    '<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p></body></html>'
)
ATTACHMENT = {"Content-Disposition": 'attachment; filename="weights.pth"', "Content-Type": "application/octet-stream"}


_SEND = HTTPAdapter.send


def led_to(address):
    """requests' transport, with every connection led to one server."""

    def rerouted(self, request, *arguments, **options):
        asked = request.url
        parts = urlsplit(asked)
        request.url = f"{address}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        response = _SEND(self, request, *arguments, **options)
        response.url = asked
        return response

    return rerouted


@pytest.fixture(autouse=True)
def drive(server, monkeypatch):
    """A Google Drive that asks for a confirmation and then sends the file."""
    monkeypatch.setattr(HTTPAdapter, "send", led_to(server.address))
    server.files[CONFIRMED] = DATA
    server.script(ASKED, replies.with_headers(HTML, replies.instead(VIRUS_PAGE.encode())))
    server.script(CONFIRMED, replies.with_headers(ATTACHMENT))
    return server


@pytest.fixture
def card(card_of):
    return card_of(URL, tag="alphanet_pretrained.pth.tar")


def test_the_file_behind_the_page(card, settings, notes):
    found = fetch(card, settings)
    assert found.path.read_bytes() == DATA
    assert found.path == settings.folder / "drive.google.com" / IDENTIFIER / "alphanet_pretrained.pth.tar"
    assert files_under(settings.folder) == [f"drive.google.com/{IDENTIFIER}/{found.path.name}", "lock.toml"]
    assert notes.starts[0][0] == "alphanet_pretrained.pth.tar"
    assert notes.done_bytes == len(DATA)


def test_an_archive(card_of, settings, drive):
    drive.files[CONFIRMED] = zip_bytes({"lanas/top1.pt": DATA})
    assert fetch(card_of(URL, archive_member="lanas/top1.pt"), settings).path.read_bytes() == DATA


def test_a_cut_file_is_continued(card, settings, drive):
    drive.files[CONFIRMED] = checkpoint_bytes(values=400_000)
    drive.script(CONFIRMED, replies.with_headers(ATTACHMENT, replies.cut(0.5)), replies.with_headers(ATTACHMENT))
    assert fetch(card, settings).path.read_bytes() == drive.files[CONFIRMED]
    # gdown takes half a megabyte at a time.
    assert drive.asked(CONFIRMED)[1]["Range"] == f"bytes={1 << 19}-"


def test_what_an_earlier_process_left_is_not_trusted(card, settings, drive):
    place = settings.folder / "drive.google.com" / IDENTIFIER
    place.mkdir(parents=True)
    (place / "alphanet_pretrained.pth.tar.part").write_bytes(b"half of a former file")
    assert fetch(card, settings).path.read_bytes() == DATA


def refused(card, settings, match):
    with pytest.raises(FetchError, match=match) as caught:
        fetch(card, settings)
    assert URL in str(caught.value)
    assert "--mirror" in str(caught.value)
    assert files_under(settings.folder) == []
    return caught.value


def test_a_file_that_was_downloaded_too_often(card, settings, drive):
    drive.script(ASKED, replies.with_headers(HTML, replies.instead(QUOTA_PAGE.encode())))
    refused(card, settings, "the file was downloaded too often recently. Wait a day.*browser")


def test_it_is_no_longer_public(card, settings, drive):
    drive.script(ASKED, replies.with_headers(HTML, replies.instead(b"<html>Sign in</html>")))
    refused(card, settings, "refuses the file.*permission")


def test_a_page_that_comes_as_the_file(card, settings, drive):
    drive.script(CONFIRMED, replies.with_headers(ATTACHMENT, replies.instead(QUOTA_PAGE.encode())))
    refused(card, settings, "the file was downloaded too often: wait a day")


def test_it_was_removed(card, settings, drive):
    drive.script(ASKED, replies.with_headers({**HTML, **ATTACHMENT}, replies.status(404)))
    refused(card, settings, "could not be fetched.*404")


def test_an_answer_without_a_type(card, settings, drive):
    drive.script(ASKED, replies.status(200, b"?"))
    refused(card, settings, "gdown does not understand")


def test_every_attempt_is_cut(card, settings, drive):
    drive.script(CONFIRMED, replies.with_headers(ATTACHMENT, replies.cut_rest(0.1)))
    refused(card, settings, "could not be fetched.*incomplete")


def test_a_trickle(card, settings, drive):
    brief = dataclasses.replace(settings.patience, window_s=0.5, window_bytes=1 << 19, silence_s=5.0)
    drive.script(CONFIRMED, replies.with_headers(ATTACHMENT, replies.trickle))
    refused(card, dataclasses.replace(settings, patience=brief), "came too slowly")


@pytest.mark.parametrize("reply", [replies.endless(**{k.replace("-", "_"): v for k, v in ATTACHMENT.items()}), None])
def test_a_file_that_is_too_large(card, settings, drive, reply):
    if reply:
        drive.script(CONFIRMED, reply)
    with pytest.raises(FetchError, match=r"has \S+ (bytes|MiB) or more, and no released.*--mirror") as caught:
        fetch(card, dataclasses.replace(settings, limit_bytes=len(DATA) - 1))
    assert URL in str(caught.value)
    assert files_under(settings.folder) == []


def test_no_network(card, settings, monkeypatch):
    monkeypatch.setattr(HTTPAdapter, "send", led_to("http://no-such-host.invalid"))
    assert isinstance(refused(card, settings, "cannot be reached"), UnreachableError)


def test_a_server_that_cannot_be_trusted(card, settings, drive, monkeypatch):
    # A server without TLS, asked for TLS.
    monkeypatch.setattr(HTTPAdapter, "send", led_to(drive.address.replace("http://", "https://")))
    with pytest.raises(FetchError, match=r"cannot be trusted.*certificates that REQUESTS_CA_BUNDLE names"):
        fetch(card, settings)


def test_a_full_disk(card, settings, monkeypatch):
    import gdown

    def full(**options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(gdown, "download", full)
    with pytest.raises(FetchError, match="no space left"):
        fetch(card, settings)
    assert files_under(settings.folder) == []
