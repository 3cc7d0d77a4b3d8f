"""moto's RDS, SSM and CloudWatch, with the two log calls and with the resources that policies name.

moto reports the resource ``*`` for both services, so that a policy scoped to an ARN would
refuse everything, and its refusals name no resource. Both are put right by subclasses:
moto itself stays as it is, and its ``enable_iam_authentication`` decides.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.common_types import TYPE_RESPONSE
from moto.core.exceptions import AccessDeniedError
from moto.core.responses import BaseResponse
from moto.iam.access_control import IAMRequest
from moto.rds.responses import RDSResponse
from moto.ssm.responses import SimpleSystemManagerResponse
from werkzeug.exceptions import HTTPException

from tests.sandbox import wire
from tests.sandbox.ledger import Call
from tests.sandbox.rds_logs import RdsLogs, Refusal

LOG_CALLS = frozenset({"DescribeDBLogFiles", "DownloadDBLogFilePortion"})


class CutShort(Exception):
    """The connection is to close in the middle of this body."""

    def __init__(self, body: str) -> None:
        super().__init__("the answer is cut short")
        self.body = body


class Denied(HTTPException):
    """A right is missing, in the service's own words."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.code = status


class Scoped(BaseResponse):
    """A service whose refusals name who, which action and which resource, as IAM's do."""

    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        try:
            super()._authenticate_and_authorize_normal_action(resource)
        except AccessDeniedError as denied:
            action = f"{self.service_name}:{self._get_action()}"
            message = (
                f"{denied.message} on resource: {resource} "
                f"because no identity-based policy allows the {action} action"
            )
            raise self._denied(message) from denied

    def _denied(self, message: str) -> Denied:
        raise NotImplementedError

    def _arn(self, resource: str) -> str:
        place = f"{self.region}:{self.current_account}"
        return f"arn:{self.partition}:{self.service_name}:{place}:{resource}"


class Rds(Scoped, RDSResponse):
    """moto's RDS; the log calls are answered by ``logs``, whose ledger lists every call."""

    def __init__(self, logs: RdsLogs) -> None:
        super().__init__()
        self._logs = logs

    def call_action(self) -> TYPE_RESPONSE:
        """Answer the call; the log calls enter themselves in the ledger unless denied."""
        status, headers, body = super().call_action()
        action = self._get_action()
        denied = status == HTTPStatus.FORBIDDEN
        if denied or action not in LOG_CALLS:
            outcome = "AccessDenied" if denied else "ok" if status == HTTPStatus.OK else "error"
            self._logs.note(Call(action, outcome, self.params.get("DBInstanceIdentifier", "")))
        return status, headers, body

    def describe_db_log_files(self) -> TYPE_RESPONSE:  # type: ignore[override]
        """DescribeDBLogFiles; moto's own knows no parameter but the instance."""
        try:
            page = self._logs.describe(
                self.params["DBInstanceIdentifier"],
                contains=self.params.get("FilenameContains", ""),
                written_since=self.params.get("FileLastWritten", 0),
                larger_than=self.params.get("FileSize", -1),
                max_records=self.params.get("MaxRecords"),
                marker=self.params.get("Marker"),
            )
        except Refusal as refusal:
            return _refused(refusal)
        return _answered(wire.file_list(page), cut_short=page.cut_short)

    def download_db_log_file_portion(self) -> TYPE_RESPONSE:
        """DownloadDBLogFilePortion, which moto has not."""
        try:
            portion = self._logs.download(
                self.params["DBInstanceIdentifier"],
                self.params["LogFileName"],
                self.params.get("Marker"),
                self.params.get("NumberOfLines"),
            )
        except Refusal as refusal:
            return _refused(refusal)
        return _answered(wire.portion(portion), cut_short=portion.cut_short)

    def _determine_resource(self) -> str:
        name = self.params.get("DBInstanceIdentifier")
        if name or self._get_action() == "DescribeDBInstances":
            return self._arn(f"db:{name or '*'}")
        if cluster := self.params.get("DBClusterIdentifier"):
            return self._arn(f"cluster:{cluster}")
        if group := self.params.get("DBParameterGroupName"):
            return self._arn(f"pg:{group}")
        return "*"

    def _denied(self, message: str) -> Denied:
        body = wire.refusal(Refusal("AccessDenied", message, HTTPStatus.FORBIDDEN))
        return Denied(HTTPStatus.FORBIDDEN, body)


class Ssm(Scoped, SimpleSystemManagerResponse):
    """moto's SSM, with the parameter as the resource of ``GetParameter``."""

    def _determine_resource(self) -> str:
        if self._get_action() == "GetParameter":
            return self._arn(f"parameter/{self._get_param('Name').lstrip('/')}")
        return "*"

    def _denied(self, message: str) -> Denied:
        body = {"__type": "AccessDeniedException", "Message": message}
        return Denied(HTTPStatus.BAD_REQUEST, json.dumps(body))


class _OfCloudWatch(IAMRequest):
    """A request as policies name it: CloudWatch's host is ``monitoring``, its actions are not."""

    def __init__(self, **asked: Any) -> None:  # noqa: ANN401 - moto's own
        super().__init__(**asked)
        self._action = self._action.replace("monitoring:", "cloudwatch:")


class _CloudWatch(CloudWatchResponse):
    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        self._authenticate_and_authorize_action(_OfCloudWatch, resource)


class CloudWatch(Scoped, _CloudWatch):
    """moto's CloudWatch, whose actions are looked up as policies name them."""

    def _denied(self, message: str) -> Denied:
        body = {"__type": "AccessDenied", "message": message}
        return Denied(HTTPStatus.BAD_REQUEST, json.dumps(body))


def _answered(body: str, *, cut_short: bool) -> TYPE_RESPONSE:
    if cut_short:
        raise CutShort(body)
    return HTTPStatus.OK, {"Content-Type": "text/xml"}, body


def _refused(refusal: Refusal) -> TYPE_RESPONSE:
    headers = {"Content-Type": "text/xml", "status": str(refusal.status)}
    return refusal.status, headers, wire.refusal(refusal)
