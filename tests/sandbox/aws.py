"""A local AWS on a loopback port: moto for all that moto has, and RDS log files.

    with Sandbox() as aws:
        aws.add_instance("shop-db", logs={"slowquery/mysql-slowquery.log": b"..."})
        subprocess.run([...], env={**os.environ, **aws.environ})

Unmodified boto3 talks to it, in this process or another, once it has ``aws.environ``.
moto keeps one world for a whole process: sandboxes that are open at the same time share
its services, while each has its own instances' logs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, ClassVar, Self, TypeAlias

import boto3
from botocore.awsrequest import AWSPreparedRequest, HTTPHeaders
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.common_types import TYPE_RESPONSE
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request as MotoRequest
from moto.core.responses import BaseResponse
from moto.rds.models import rds_backends

from tests.sandbox.deployment import Aliases, CodeDeploy, Deployments, Functions
from tests.sandbox.ledger import Call, Span
from tests.sandbox.log_file import Log
from tests.sandbox.manners import Manners
from tests.sandbox.rds_logs import Dropped, RdsLogs
from tests.sandbox.services import CloudWatch, CutShort, Rds, Ssm
from tests.sandbox.web import Answer, Request, Server

ACCOUNT = DEFAULT_ACCOUNT_ID

Boto3: TypeAlias = Any
"""A client or an answer of boto3, which makes both at run time from a model of the service."""

# The key pair of AWS's documentation; moto takes any.
_ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
_SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")

_ENGINE_VERSIONS = {
    "mysql": "8.0.40",
    "mariadb": "10.11.9",
    "postgres": "15.8",
    "aurora-mysql": "8.0.mysql_aurora.3.08.0",
    "aurora-postgresql": "15.8",
}


@cache
def _session() -> boto3.Session:
    """One for all, since a session reads the model of a service once."""
    return boto3.Session()


class Sandbox:
    """An account with database instances, from entering until leaving.

    ``manners`` are those of every instance that is not given its own. ``at`` is what AWS's
    clock says, by default what it is.
    """

    _open: ClassVar[int] = 0
    _opening: ClassVar[Lock] = Lock()

    def __init__(
        self,
        *,
        region: str = "eu-central-1",
        manners: Manners | None = None,
        at: datetime | None = None,
    ) -> None:
        self.region = region
        self._manners = manners or Manners()
        self._logs = RdsLogs()
        self.deployments = Deployments()
        self._server = Server(self._answer, at)

    def __enter__(self) -> Self:
        with Sandbox._opening:
            if not Sandbox._open:
                # RDS asks EC2 for a network, and EC2 would invent a thousand machine images.
                os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
                BackendDict.reset()
            Sandbox._open += 1
        self._server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.__exit__(kind, error, trace)
        with Sandbox._opening:
            Sandbox._open -= 1

    @property
    def endpoint_url(self) -> str:
        """Where every service answers."""
        return self._server.url

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs in its environment so that its boto3 comes here and only here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": _ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET_KEY,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def client(self, service: str, **options: object) -> Boto3:
        """A boto3 client of this account and region; ``options`` are boto3's, and prevail."""
        ours = {
            "endpoint_url": self.endpoint_url,
            "region_name": self.region,
            "aws_access_key_id": _ACCESS_KEY,
            "aws_secret_access_key": _SECRET_KEY,
        }
        return _session().client(service, **(ours | options))

    def add_instance(  # noqa: PLR0913 - what there is to say about an instance
        self,
        name: str,
        *,
        logs: Mapping[str, Log] | Path,
        engine: str = "mysql",
        last_written: datetime | Mapping[str, datetime] | None = None,
        status: str = "available",
        manners: Manners | None = None,
        next_live: bytes = b"",
        cluster: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> str:
        """Add a database instance and its log files; returns its ARN.

        ``logs`` maps file names to bytes or paths, or is a directory of them. Files that
        ``last_written`` does not name have the time of their path, or a fixed one.
        ``next_live`` is what the live file holds after a rotation. ``parameters`` are what
        its parameter group, ``NAME-parameters``, sets; ``cluster`` is what it belongs to.
        """
        if isinstance(logs, Path):
            root = logs
            logs = {
                path.relative_to(root).as_posix(): path
                for path in root.rglob("*")
                if path.is_file()
            }
        rds = rds_backends[ACCOUNT][self.region]
        group = f"{name}-parameters"
        rds.create_db_parameter_group(
            {
                "db_parameter_group_name": group,
                "db_parameter_group_family": f"{engine}{_ENGINE_VERSIONS[engine][:3]}",
                "description": "of the sandbox",
            }
        )
        rds.modify_db_parameter_group(
            group,
            [
                {"ParameterName": each, "ParameterValue": value}
                for each, value in (parameters or {}).items()
            ],
        )
        database = rds.create_db_instance(
            {
                "db_parameter_group_name": group,
                "db_instance_identifier": name,
                "db_instance_class": "db.t4g.medium",
                "allocated_storage": 20,
                "engine": engine,
                "engine_version": _ENGINE_VERSIONS[engine],
            }
        )
        database.status = status
        database.db_cluster_identifier = cluster
        self._logs.add(
            name,
            logs,
            engine=engine,
            status=status,
            manners=manners or self._manners,
            last_written=last_written or {},
            next_live=next_live,
        )
        arn: str = database.db_instance_arn
        return arn

    def serve(self, name: str, *, logs: Mapping[str, Log], engine: str = "mysql") -> None:
        """Give log files to an instance that was created by a call of RDS."""
        self._logs.add(
            name,
            logs,
            engine=engine,
            status="available",
            manners=self._manners,
            last_written={},
            next_live=b"",
        )

    @property
    def calls(self) -> list[Call]:
        """Every call of the RDS API so far, in the order of their answers."""
        return list(self._logs.ledger.calls)

    @property
    def withheld(self) -> list[Span]:
        """What the service kept back of files that were read, however it was asked so far."""
        return self._logs.ledger.withheld()

    @property
    def undelivered(self) -> list[Span]:
        """What was never delivered of any file: withheld, or not asked for."""
        return self._logs.ledger.undelivered(self._logs.sizes())

    @property
    def repeated(self) -> list[Span]:
        """What was delivered more than once, by answers at different markers."""
        return self._logs.ledger.repeated()

    @property
    def rotated(self) -> set[str]:
        """The instances whose live file was rotated."""
        return self._logs.rotated()

    def _answer(self, request: Request) -> Answer:
        scope = _SCOPE.search(request.headers.get("authorization", ""))
        if scope is None:
            return Answer(HTTPStatus.FORBIDDEN, body=b"The request is not signed.")
        try:
            status, headers, body = self._ask(scope["service"], scope["region"], request)
        except Dropped:
            return Answer(drop=True)
        except CutShort as cut:
            whole = cut.body.encode()
            return Answer(
                headers={"Content-Length": str(len(whole)), "Content-Type": "text/xml"},
                body=whole[: len(whole) // 2],
            )
        raw = body.encode() if isinstance(body, str) else body
        named = {name.lower(): str(value) for name, value in headers.items()}
        for ours in ("status", "server", "date", "content-length"):
            named.pop(ours, None)
        return Answer(status, named, raw)

    def _own(  # noqa: PLR0911 - a line for each service
        self, service: str, region: str, request: Request
    ) -> BaseResponse | None:
        """Return who answers here in place of moto's own, if somebody does."""
        match service:
            case "rds":
                return Rds(self._logs if region == self.region else RdsLogs(self._logs.ledger))
            case "ssm":
                return Ssm()
            case "monitoring":
                return CloudWatch()
            case "lambda" if request.path.partition("?")[0].endswith("/invocations"):
                return Functions(self.deployments)
            case "lambda" if request.method == "GET" and "/aliases/" in request.path:
                return Aliases()
            case "codedeploy" if "PutLifecycle" in request.headers.get("x-amz-target", ""):
                return CodeDeploy(self.deployments)
            case _:
                return None

    def _ask(self, service: str, region: str, request: Request) -> TYPE_RESPONSE:
        """Ask moto, which finds a service by the host name that AWS gives it."""
        url = f"http://{service}.{region}.amazonaws.com{request.path}"
        if response := self._own(service, region, request):
            asked = MotoRequest.from_primitives(request.method, url, request.headers, request.body)
            return response._dispatch(asked, url, asked.headers)  # noqa: SLF001 - what moto's routes call
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name] = value
        prepared = AWSPreparedRequest(
            request.method, url, headers, request.body, stream_output=False
        )
        answer = BotocoreStubber().process_request(prepared)
        if answer is None:
            return HTTPStatus.NOT_FOUND, {}, f"moto has no service {service}"
        return answer
