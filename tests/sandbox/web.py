"""A small HTTP server on a loopback port of its own, for stand-ins of what we talk to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Request:
    """What was asked; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to say; with ``drop`` the connection is reset instead."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: bool = False


class Server:
    """Answers every request with ``answer(request)``, from entering until leaving.

    Its answers are dated ``at``, by default when they are given.
    """

    def __init__(self, answer: Callable[[Request], Answer], at: datetime | None = None) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer, at))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def _handler(
    answer: Callable[[Request], Answer], at: datetime | None
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            """Return what stands in the header Date."""
            return super().date_time_string(at.timestamp() if at else timestamp)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = answer(Request(self.command, self.path, headers, body))
            if said.drop:
                # A linger time of zero makes close() send RST instead of FIN.
                linger = (1).to_bytes(4, "little") + bytes(4)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                self.close_connection = True
                return
            self.send_response(said.status)
            for name, value in {"Content-Length": str(len(said.body)), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_PUT = do_POST  # noqa: N815 - the base's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Stay silent: tests read what the process writes."""

    return Handler
