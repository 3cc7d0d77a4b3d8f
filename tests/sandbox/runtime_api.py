"""Lambda on this machine: AWS's own runtime client runs a handler, and this serves its API.

A process is started as Lambda starts one: a task folder, what the image brings, an
environment, and nothing else on the path. It asks for invocations and posts what came of
them (Lambda developer guide, "Using the Lambda runtime API"). Time is kept by the server,
which kills a process that is not done: a handler cannot catch that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

import awslambdaric

from tests.sandbox.web import Answer, Request, Server

API = "/2018-06-01/runtime"
_RUNTIME = ("awslambdaric", "simplejson", "snapshot_restore_py.py")
_MAIN = (
    "import sys; handler, *path = sys.argv[1:]; sys.path += path\n"
    "from awslambdaric.__main__ import main; main(['', handler])"
)


class Raised(Exception):
    """What a function raised, as whoever invoked it is told."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class _Posted:
    what: str
    body: Any


class Lambda:
    """A function: its process lives from the first invocation until leaving or a time-out.

    ``task`` and ``image`` are folders of the path. ``timeout`` is in seconds.
    """

    def __init__(  # noqa: PLR0913 - what a function is made of
        self,
        handler: str,
        task: Path,
        image: Path,
        environ: Mapping[str, str],
        *,
        timeout: float = 300.0,
        name: str = "slowquery-test-exportToChat",
    ) -> None:
        site_packages = Path(awslambdaric.__file__).parent.parent
        compiled = [file.name for file in site_packages.glob("runtime_client.*.so")]
        for part in (*_RUNTIME, *compiled):
            if not (image / part).exists():
                (image / part).symlink_to(site_packages / part)
        self._handler = handler
        self._path = (task, image)
        self._environ = {
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(task),
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **environ,
        }
        self._timeout = timeout
        self._waiting: Queue[bytes] = Queue()
        self._posted: Queue[_Posted] = Queue()
        self._server = Server(self._answer)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._invocations = 0

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kill()
        self._server.__exit__(kind, error, trace)
        self._log.close()

    @property
    def log(self) -> str:
        """What the function's log group would show."""
        self._log.seek(0)
        return self._log.read().decode()

    def invoke(self, event: object) -> Any:  # noqa: ANN401 - whatever the handler returns
        """Return what the handler returns; raise :class:`Raised` for what it raises."""
        if self._process is None:
            self._start()
        self._invocations += 1
        self._waiting.put(json.dumps(event).encode())
        try:
            posted = self._posted.get(timeout=self._timeout)
        except Empty:
            self._kill()
            said = f"Task timed out after {self._timeout:.2f} seconds"
            self._write(f"{said}\n")
            kind = "Sandbox.Timedout"
            raise Raised(kind, said) from None
        if posted.what == "response":
            return posted.body
        raise Raised(posted.body["errorType"], posted.body["errorMessage"])

    @property
    def processes(self) -> int:
        """How many processes there are, none or one."""
        return int(self._process is not None)

    def _start(self) -> None:
        address = self._server.url.removeprefix("http://")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _MAIN, self._handler, *self._path],
            cwd=self._path[0],
            env={**self._environ, "AWS_LAMBDA_RUNTIME_API": address},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._waiting.put(b"")  # whoever still asks for one is let go

    def _write(self, text: str) -> None:
        self._log.seek(0, 2)
        self._log.write(text.encode())

    def _answer(self, request: Request) -> Answer:
        if request.path == f"{API}/invocation/next":
            event = self._waiting.get()
            if not event:
                return Answer(drop=True)
            deadline = int((time.time() + self._timeout) * 1000)
            return Answer(
                headers={
                    "Lambda-Runtime-Aws-Request-Id": f"request-{self._invocations}",
                    "Lambda-Runtime-Deadline-Ms": str(deadline),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:::function:f:live",
                    "Content-Type": "application/json",
                },
                body=event,
            )
        what = request.path.rsplit("/", 1)[-1]  # response, error
        self._posted.put(_Posted(what, json.loads(request.body)))
        return Answer(HTTPStatus.ACCEPTED, body=b'{"status": "OK"}')
