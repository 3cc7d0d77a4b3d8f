"""The RDS Query protocol: answers and refusals as the XML that a client reads."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from tests.sandbox.manners import Manners
from tests.sandbox.rds_logs import FileList, Portion, Refusal

_NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"
_REQUEST_ID = "00000000-0000-0000-0000-000000000000"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What no XML 1.0 document may hold, escaped or not; a decoder leaves no surrogates."""


def file_list(page: FileList) -> str:
    """The answer to DescribeDBLogFiles."""
    files = "".join(
        _element(
            "DescribeDBLogFilesDetails",
            _element("LastWritten", str(file.last_written))
            + _element("LogFileName", escape(file.name))
            + _element("Size", str(file.size)),
        )
        for file in page.files
    )
    marker = _element("Marker", escape(page.marker)) if page.marker else ""
    return _response("DescribeDBLogFiles", _element("DescribeDBLogFiles", files) + marker)


def portion(answer: Portion) -> str:
    """The answer to DownloadDBLogFilePortion.

    The data is not escaped beyond what XML asks for, so that CR LF reaches a client as LF.
    """
    fields = _element("Marker", escape(answer.marker))
    if answer.pending or not answer.manners.omit_empty:
        fields += _element("AdditionalDataPending", str(answer.pending).lower())
    if answer.data or not answer.manners.omit_empty:
        fields += _element("LogFileData", escape(as_text(answer.data, answer.manners)))
    return _response("DownloadDBLogFilePortion", fields)


def refusal(refused: Refusal) -> str:
    """An error, with AWS's code and words."""
    fault = "Sender" if refused.status < 500 else "Receiver"
    error = _element(
        "Error",
        _element("Type", fault)
        + _element("Code", refused.code)
        + _element("Message", escape(refused.message)),
    )
    body = error + _element("RequestId", _REQUEST_ID)
    return f'<ErrorResponse xmlns="{_NAMESPACE}">{body}</ErrorResponse>'


def as_text(data: bytes, manners: Manners) -> str:
    """What a client reads of ``data``, before XML has its way with it."""
    text = data.decode("utf-8", "replace")
    if manners.non_ascii == "?":
        text = _NOT_ASCII.sub("?", text)
    return text if manners.raw_control else _NOT_XML.sub("?", text)


def _response(action: str, result: str) -> str:
    body = _element(f"{action}Result", result) + _element(
        "ResponseMetadata", _element("RequestId", _REQUEST_ID)
    )
    return f'<{action}Response xmlns="{_NAMESPACE}">{body}</{action}Response>'


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"
