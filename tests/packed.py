"""The package as ``tasks.py package`` makes it, for tests that look into it or run it.

It is made once for each settings file, whatever number of processes runs the tests.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.aws import ACCOUNT

ROOT = Path(__file__).resolve().parent.parent
STAGE = "test"
REGION = "eu-central-1"
BROUGHT = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")
"""What Lambda's Python images bring."""


@dataclass(frozen=True)
class Package:
    """A folder with the zip and the template."""

    folder: Path

    @cached_property
    def resources(self) -> dict[str, Any]:
        """The template's resources."""
        template = self.folder / "cloudformation-template-update-stack.json"
        found: dict[str, Any] = json.loads(template.read_text(encoding="utf-8"))["Resources"]
        return found

    @property
    def archive(self) -> Path:
        return self.folder / "slowquery.zip"

    @property
    def version(self) -> str:
        """The name of the one version."""
        (name,) = (
            name for name, found in self.resources.items() if found["Type"].endswith("::Version")
        )
        return name

    def unpack(self, into: Path) -> tuple[Path, Path]:
        """Return what Lambda would put on the path: the task, and what its image brings.

        Compiled libraries are for Lambda's machine and taken out; each has a slower way.
        """
        task, image = into / "task", into / "image"
        with zipfile.ZipFile(self.archive) as opened:
            opened.extractall(task)
        for library in task.rglob("*.so"):
            library.unlink()
        image.mkdir()
        site_packages = Path(pytest.__file__).parent.parent
        for name in BROUGHT:
            (image / name).symlink_to(site_packages / name)
        return task, image

    def policies(self, role: str) -> dict[str, dict[str, Any]]:
        """Return the policies of a role by name, as IAM would get them."""
        return {
            policy["PolicyName"]: self.resolved(policy["PolicyDocument"])
            for policy in self.resources[role]["Properties"]["Policies"]
        }

    def resolved(self, value: Any) -> Any:  # noqa: ANN401 - whatever stands in a template
        """Return ``value`` with references in place of CloudFormation's functions."""
        match value:
            case {"Ref": str(name)}:
                return self._reference(name)
            case {"Fn::GetAtt": [str(name), "Arn"]}:
                return self._arn(name)
            case {"Fn::Sub": str(text)}:
                for name in (*_PSEUDO, *(f"{one}.Arn" for one in self.resources)):
                    if f"${{{name}}}" in text:
                        known = _PSEUDO.get(name) or self._arn(name.removesuffix(".Arn"))
                        text = text.replace(f"${{{name}}}", known)
                return text
            case dict():
                return {key: self.resolved(one) for key, one in value.items()}
            case list():
                return [self.resolved(one) for one in value]
            case _:
                return value

    def _reference(self, name: str) -> str:
        if name in _PSEUDO:
            return _PSEUDO[name]
        match self.resources[name]["Type"]:
            case "AWS::Lambda::Version":
                return f"{self._arn('ExportToChatLambdaFunction')}:7"
            case "AWS::Lambda::Alias":
                return f"{self._arn('ExportToChatLambdaFunction')}:live"
            case kind:
                raise NotImplementedError(kind)

    def _arn(self, name: str) -> str:
        found = self.resources[name]
        given = found["Properties"]
        match found["Type"]:
            case "AWS::Lambda::Function":
                service, resource = "lambda", f"function:{given['FunctionName']}"
            case "AWS::Logs::LogGroup":
                service, resource = "logs", f"log-group:{given['LogGroupName']}:*"
            case "AWS::SQS::Queue":
                service, resource = "sqs", given["QueueName"]
            case kind:
                raise NotImplementedError(kind)
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}


def package_of(settings: Path | str, factory: pytest.TempPathFactory) -> Package:
    """Return the package with these settings, a file or a text; skip where there is no npm."""
    if shutil.which("npm") is None:
        pytest.skip("Node.js and its npm are not installed")
    text = settings if isinstance(settings, str) else settings.read_text(encoding="utf-8")
    # Where several processes run the tests, each has a folder of its own in a common one.
    base = factory.getbasetemp()
    common = base.parent if base.name.startswith("popen-") else base
    folder = common / f"package-{sha256(text.encode()).hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    with _alone(folder / "lock"):
        packed = folder / "packed"
        if not (packed / "slowquery.zip").exists():
            file = folder / "settings.yml"
            file.write_text(text, encoding="utf-8")
            command: list[str | Path] = [
                *(sys.executable, "-m", "invoke", "--search-root", ROOT, "package"),
                *("--stage", STAGE, "--settings", file, "--into", packed),
            ]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
    return Package(packed)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
