"""Database servers of our own: in a folder of theirs, on a socket, gone when they are left.

    with folder_of_a_server() as folder:
        server = MariaDb(folder)
        with server.running():
            server.connect()
        server.log()

They are Debian's packages, set up to log every statement as RDS would. Where one is not
installed the test is skipped, and a skipped test fails in CI.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Final

import pg8000.native
import pymysql
import pytest

START_UP: Final = 60.0
"""Seconds that a server may take to be there, on a machine that is busy."""

_PAUSE: Final = 0.02


class MariaDb:
    """A MariaDB that writes every statement into its slow log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._socket = folder / "socket"
        self._log = folder / "slow.log"

    def connect(self) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """Return a connection that commits by itself."""
        return pymysql.connect(unix_socket=str(self._socket), user="root", autocommit=True)

    def log(self) -> bytes:
        """Return the slow log so far."""
        return self._log.read_bytes()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Be there, from entering until leaving."""
        user = pwd.getpwuid(os.getuid()).pw_name
        data = self.folder / "data"
        common = ["--no-defaults", f"--datadir={data}", f"--user={user}"]
        install = [_installed("mariadb-install-db", "mariadb-server"), *common]
        _done([*install, "--auth-root-authentication-method=normal", "--skip-test-db"])
        command = [
            *(_installed("mariadbd", "mariadb-server"), *common),
            *(f"--socket={self._socket}", "--skip-networking", f"--pid-file={self.folder}/pid"),
            *("--slow-query-log=1", f"--slow-query-log-file={self._log}", "--long-query-time=0"),
            *("--log-output=FILE", "--innodb-buffer-pool-size=8M", "--skip-log-bin"),
        ]
        with (self.folder / "said").open("wb") as said:
            server = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + START_UP
            while not self._socket.exists():
                is_there = server.poll() is None and time.monotonic() < deadline
                assert is_there, (self.folder / "said").read_text(encoding="utf-8")[-2000:]
                time.sleep(_PAUSE)
            yield
        finally:
            server.terminate()
            server.wait()


class PostgreSql:
    """A PostgreSQL that writes every statement into its logs, one of each format."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def connect(self) -> pg8000.native.Connection:
        """Return a connection, over the socket in the folder."""
        return pg8000.native.Connection(
            "app", database="postgres", unix_sock=f"{self.folder}/.s.PGSQL.5432"
        )

    def logs(self) -> dict[str, bytes]:
        """Return the logs so far, by name: one of each format."""
        return {file.name: file.read_bytes() for file in sorted((self.folder / "log").iterdir())}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Be there, from entering until leaving."""
        data = self.folder / "data"
        self._done("initdb", "--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust")
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "shared_buffers": "8MB",
            "logging_collector": "on",
            "log_destination": "stderr,csvlog,jsonlog",
            "log_directory": self.folder / "log",
            "log_filename": "postgresql.log.%Y-%m-%d-%H",
            "log_timezone": "UTC",
            "log_line_prefix": "%t:%r:%u@%d:[%p]:",
            "log_min_duration_statement": "0",
        }
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self._done("pg_ctl", "--wait", "--silent", f"--log={self.folder}/said", "start")
        try:
            yield
        finally:
            self._done("pg_ctl", "--wait", "--silent", "--mode=fast", "stop")

    def _done(self, name: str, *options: str) -> None:
        program = max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), default=None)
        found = _installed(str(program or name), "postgresql")
        user = ["--username=app"] if name == "initdb" else []
        _done([found, f"--pgdata={self.folder}/data", *user, *options], _unprivileged())


def _unprivileged() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL runs as where root runs the tests: it refuses to be root."""
    return pwd.getpwnam("nobody") if os.getuid() == 0 else None


def _installed(program: str, package: str) -> str:
    found = shutil.which(program) or shutil.which(f"/usr/sbin/{program}")
    if found is None:
        pytest.skip(f"{package} is not installed, and this runs statements on a real one")
    return found


def _done(command: list[str], owner: pwd.struct_passwd | None = None) -> None:
    user, group = (owner.pw_uid, owner.pw_gid) if owner else (None, None)
    # To a file: a server that goes on would keep a pipe open.
    with TemporaryFile() as said:
        done = subprocess.run(
            command, stdout=said, stderr=said, cwd="/", user=user, group=group, check=False
        )
        said.seek(0)
        assert done.returncode == 0, said.read()[-2000:]


@contextmanager
def folder_of_a_server() -> Iterator[Path]:
    """Make a folder that the server may write to, with a path that is short enough for a socket."""
    with TemporaryDirectory(prefix="slowquery-") as folder:
        if owner := _unprivileged():
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        yield Path(folder)
