"""A server of releases on the loopback interface, which serves files well or misbehaves as scripted."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[["_Handler", bytes], None]
"""Answers one request for a file of these bytes."""


def well(handler: _Handler, data: bytes) -> None:
    """The file, or the rest of it if that is requested; versions have entity tags."""
    etag = f'"{hashlib.md5(data).hexdigest()}"'
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    same = handler.headers.get("If-Range", etag) == etag
    start = int(asked[1]) if asked and same else 0
    if start >= len(data) > 0:
        handler.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
        return
    headers = {"ETag": etag}
    if asked and same:
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    handler.answer(206 if asked and same else 200, data[start:], headers)


def with_headers(headers: Mapping[str, str], reply: Reply = well) -> Reply:
    """Another reply, with these headers added to its own."""

    def reply_with(handler: _Handler, data: bytes) -> None:
        handler.more_headers = headers
        reply(handler, data)

    return reply_with


def without_ranges(handler: _Handler, data: bytes) -> None:
    """The whole file, whatever the request, without information about its version."""
    handler.answer(200, data)


def status(code: int, body: bytes = b"", **headers: str) -> Reply:
    """A reply with this status; underscores in the names of headers stand for hyphens."""
    return lambda handler, data: handler.answer(code, body, {k.replace("_", "-"): v for k, v in headers.items()})


def instead(body: bytes) -> Reply:
    """Something else, with status 200, as if it were the file."""
    return lambda handler, data: well(handler, body)


def cut(share: float) -> Reply:
    """The connection ends after this share of the file."""
    return lambda handler, data: handler.answer(
        200, data[: int(len(data) * share)], {"ETag": f'"{hashlib.md5(data).hexdigest()}"'}, length=len(data)
    )


def cut_rest(share: float) -> Reply:
    """As `well`, but the connection ends after this share of the requested bytes."""

    def reply(handler: _Handler, data: bytes) -> None:
        handler.body_share = share
        well(handler, data)

    return reply


def announced(length: Callable[[int], int]) -> Reply:
    """The whole file, with a wrong Content-Length."""
    return lambda handler, data: handler.answer(200, data, length=length(len(data)))


def without_length(share: float = 1.0) -> Reply:
    """The file without a Content-Length; its end is the end of the connection."""
    return lambda handler, data: handler.answer(200, data[: int(len(data) * share)], length=None)


def chunked(share: float = 1.0) -> Reply:
    """The file in chunks; if it is cut, without the last chunk, which marks its end."""

    def reply(handler: _Handler, data: bytes) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        body = data[: int(len(data) * share)]
        handler.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        if share == 1.0:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return reply


def trickle(handler: _Handler, data: bytes) -> None:
    """The file, a byte at a time, until the client disconnects or the server ends."""
    handler.answer(200, b"", length=len(data))
    for byte in data:
        if handler.server.ending.wait(0.01):
            return
        try:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
        except OSError:
            return


def endless(code: int = 200, **headers: str) -> Reply:
    """The file, followed by zeros and without a length, until the client disconnects or the server ends."""

    def reply(handler: _Handler, data: bytes) -> None:
        handler.answer(code, data, {k.replace("_", "-"): v for k, v in headers.items()}, length=None)
        while not handler.server.ending.is_set():
            try:
                handler.wfile.write(bytes(1 << 16))
            except OSError:
                return

    return reply


def silence(handler: _Handler, data: bytes) -> None:
    """Nothing at all, until the server ends."""
    handler.server.ending.wait()


def stops(share: float) -> Reply:
    """A share of the file, then nothing more, with the connection left open."""

    def reply(handler: _Handler, data: bytes) -> None:
        handler.answer(200, data[: int(len(data) * share)], {"ETag": '"one"'}, length=len(data))
        handler.wfile.flush()
        handler.server.ending.wait()

    return reply


def redirect(path: str) -> Reply:
    """A redirect to another path of the same server."""
    return lambda handler, data: handler.answer(302, b"", {"Location": path})


def drops(handler: _Handler, data: bytes) -> None:
    """The connection ends without an answer."""
    handler.close_connection = True


class ReleaseServer:
    """Serves `files` by path. `script` sets how the next requests of a path are answered."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of every request."""
        self._scripts: dict[str, list[Reply]] = defaultdict(list)
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> ReleaseServer:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str) -> str:
        """URL of a path, which begins with a slash."""
        return self.address + path

    def script(self, path: str, *replies: Reply) -> None:
        """Sets the answers to the next requests of that path, one after the other; the last answer stays."""
        with self._lock:
            self._scripts[path] = list(replies)

    def asked(self, path: str) -> list[dict[str, str]]:
        """Headers of the requests of a path, in order."""
        return [headers for _, one, headers in self.requests if one == path]

    def reply_to(self, method: str, path: str, headers: dict[str, str]) -> Reply:
        """Returns the answer to a request."""
        with self._lock:
            self.requests.append((method, path, headers))
            replies = self._scripts[path]
            if replies:
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return well if path in self.files else status(404, b"<html><title>Not Found</title></html>")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: ReleaseServer) -> None:
        self.owner = owner
        self.ending = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    body_share = 1.0
    more_headers: Mapping[str, str] = {}

    def do_GET(self) -> None:
        owner = self.server.owner
        reply = owner.reply_to(self.command, self.path, dict(self.headers))
        reply(self, owner.files.get(self.path, b""))

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer(self, code: int, body: bytes, headers: dict[str, str] | None = None, length: int | None = -1) -> None:
        """Sends an answer. `length` is the Content-Length: -1 for that of the body, None for no such header."""
        self.send_response(code)
        for name, value in {**(headers or {}), **self.more_headers}.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length == -1 else length))
        self.end_headers()
        if self.command != "HEAD":
            try:
                self.wfile.write(body[: int(len(body) * self.body_share)])
            except OSError:
                return

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing."""
