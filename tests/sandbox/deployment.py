"""What moto lacks of a deployment: functions that run here, and CodeDeploy's verdicts.

moto runs functions in containers and checks the right ``lambda:Invoke``, which is none;
CodeDeploy's ``PutLifecycleEventHookExecutionStatus`` it has not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import unquote

from moto.awslambda.responses import LambdaResponse
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import BaseResponse
from moto.iam.access_control import IAMRequest

from tests.sandbox.runtime_api import Raised
from tests.sandbox.services import Denied, Scoped

Function: TypeAlias = Callable[[Any], Any]
"""A handler: an event in, a result out; what it raises the caller is told."""


@dataclass
class Deployments:
    """Functions by the ARN they are invoked by, and hooks that wait for a verdict.

    ``groups`` has the deployment group of each deployment, as ``application/group``.
    """

    functions: dict[str, Function] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)


class Functions(Scoped, BaseResponse):
    """Lambda's ``Invoke``, as far as it is used: the answer is waited for."""

    def __init__(self, deployments: Deployments) -> None:
        super().__init__(service_name="lambda")
        self._deployments = deployments

    def _get_action(self) -> str:
        return "InvokeFunction"  # as policies call it

    def _determine_resource(self) -> str:
        name = unquote(self.path.split("/")[-2])
        qualifier = self.querystring.get("Qualifier")
        arn = name if name.startswith("arn:") else self._arn(f"function:{name}")
        return f"{arn}:{qualifier[0]}" if qualifier else arn

    def invoke_function(self) -> TYPE_RESPONSE:
        """Run the function and return what it returned, or what it raised."""
        function = self._deployments.functions.get(self._determine_resource())
        if function is None:
            status = HTTPStatus.NOT_FOUND
            return status, {"status": status}, json.dumps({"__type": "ResourceNotFoundException"})
        try:
            answer, raised = function(json.loads(self.body)), {}
        except Exception as error:  # noqa: BLE001 - Lambda tells of whatever it is
            kind = error.kind if isinstance(error, Raised) else type(error).__name__
            answer = {"errorType": kind, "errorMessage": str(error)}
            raised = {"X-Amz-Function-Error": "Unhandled"}
        return HTTPStatus.OK, {"Content-Type": "application/json", **raised}, json.dumps(answer)

    def _denied(self, message: str) -> Denied:
        return Denied(HTTPStatus.FORBIDDEN, _access_denied(message))


class _WithoutBody(IAMRequest):
    """A request whose signature is over no body: moto would sign what stands in its path."""

    def __init__(self, **asked: Any) -> None:  # noqa: ANN401 - moto's own
        super().__init__(**{**asked, "data": {}})


class _Lambda(LambdaResponse):
    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        self._authenticate_and_authorize_action(_WithoutBody, resource)


class Aliases(Scoped, _Lambda):
    """moto's Lambda, with the function as the resource of ``GetAlias``."""

    def _determine_resource(self) -> str:
        place = f"{self.region}:{self.current_account}"  # moto calls the service awslambda
        return f"arn:{self.partition}:lambda:{place}:function:{unquote(self.path.split('/')[-3])}"

    def _denied(self, message: str) -> Denied:
        return Denied(HTTPStatus.FORBIDDEN, _access_denied(message))


class CodeDeploy(Scoped, BaseResponse):
    """CodeDeploy's ``PutLifecycleEventHookExecutionStatus``."""

    def __init__(self, deployments: Deployments) -> None:
        super().__init__(service_name="codedeploy")
        self._deployments = deployments

    def _determine_resource(self) -> str:
        group = self._deployments.groups.get(json.loads(self.body)["deploymentId"], "?/?")
        return self._arn(f"deploymentgroup:{group}")

    def put_lifecycle_event_hook_execution_status(self) -> TYPE_RESPONSE:
        """Note the verdict."""
        told = json.loads(self.body)
        execution = told["lifecycleEventHookExecutionId"]
        self._deployments.verdicts[execution] = told["status"]
        answer = json.dumps({"lifecycleEventHookExecutionId": execution})
        return HTTPStatus.OK, {"Content-Type": "application/x-amz-json-1.1"}, answer

    def _denied(self, message: str) -> Denied:
        return Denied(HTTPStatus.BAD_REQUEST, _access_denied(message))


def _access_denied(message: str) -> str:
    return json.dumps({"__type": "AccessDeniedException", "Message": message})
