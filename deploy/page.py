"""The page about rights, from the finished template: every role, for whom, and its policies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

HEAD: Final = """\
# Rights

Every role of the template and all that it may do, as `python3 tasks.py package` writes it for
[`settings.example.yml`](../settings.example.yml). This page is made from the template, and a
test holds it against the template. There is no managed policy, no action with a `*` and no
permission on a function: what is not on this page is not allowed.

That the rights of the run and of the deployment's hook are enough, and that none can be left
out, is tested: the tests take the policies out of the package, run the functions under moto's
IAM, and take away one action after the other. The roles of the schedules and of CodeDeploy,
which only AWS can assume, are held against an exact list.

Finding instances instead of listing them adds one action; see
[docs/settings.md](settings.md#finding-instances). What the health check may look at beyond
the logs is added where settings ask for it. osls adds a bucket for the zip, with a policy that
only denies: what comes without TLS.
"""

WHAT: Final[Mapping[str, str]] = {
    "ExportToChatRole": "The function that reads the logs and posts the digests.",
    "HealthCheckRole": "The function that asks what is wrong, and answers CodeDeploy.",
    "ScheduleRole": "The schedules: they hand their events over, or put them aside.",
    "CodeDeployRole": "CodeDeploy: it moves the alias once the hook has said so.",
}


def iam_page(template: Mapping[str, Any]) -> str:
    """Return ``docs/iam.md`` for a template; a role that ``WHAT`` lacks is a ``KeyError``."""
    return "\n".join([HEAD, *_sections(template["Resources"])])


def _sections(resources: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(resources, key=_place):
        if resources[name]["Type"] != "AWS::IAM::Role":
            continue
        given = resources[name]["Properties"]
        trusted = [
            statement["Principal"]["Service"]
            for statement in given["AssumeRolePolicyDocument"]["Statement"]
        ]
        yield f"## {name}\n\n{WHAT[name]} Assumed by `{', '.join(trusted)}`.\n"
        for policy in given["Policies"]:
            yield f"`{policy['PolicyName']}`\n\n| action | on | only if |\n|---|---|---|"
            yield from _rows(policy["PolicyDocument"]["Statement"])
            yield ""


def _rows(statements: list[dict[str, Any]]) -> Iterator[str]:
    for statement in statements:
        allowed = "" if statement["Effect"] == "Allow" else f"{statement['Effect']}: "
        resources = "<br>".join(f"`{_shown(one)}`" for one in _listed(statement["Resource"]))
        condition = statement.get("Condition")
        only_if = f"`{json.dumps(condition)}`" if condition else ""
        for action in _listed(statement["Action"]):
            yield f"| {allowed}`{action}` | {resources} | {only_if} |"


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - one or a list of them, as policies have it
    return value if isinstance(value, list) else [value]


def _shown(resource: Any) -> str:  # noqa: ANN401 - a text or a function of CloudFormation
    match resource:
        case {"Fn::Sub": str(text)}:
            return text
        case {"Fn::GetAtt": [name, "Arn"]}:
            return f"{name}.Arn"
        case {"Ref": str(name)} if name.startswith("ExportToChatVersion"):
            return "the new version of exportToChat"  # its name changes with the code
        case {"Ref": str(name)}:
            return f"{name}"
        case _:
            return str(resource)


def _place(name: str) -> tuple[int, str]:
    known = list(WHAT)
    return (known.index(name) if name in known else len(known), name)
