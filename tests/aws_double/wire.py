"""The protocols: JSON 1.1 for KMS, query and XML for STS and IAM, JSON or CBOR for tagging."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.parsers import RpcV2CBORParser

from tests.aws_double.errors import ServiceError
from tests.aws_double.shapes import decode, encode
from tests.aws_double.specs import MODEL

_SCOPE = re.compile(r"Credential=([^/,]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/(\w+)")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request, taken apart. `protocol` is `json`, `query` or `cbor`."""

    service: str
    operation: str
    region: str
    access_key: str
    protocol: str
    given: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is sent back."""

    status: int
    body: bytes
    headers: dict[str, str]


def read(path: str, headers: Mapping[str, str], body: bytes) -> Incoming:
    """Take a request apart. Raises `ServiceError` for one that is not signed for a Region."""
    scope = _SCOPE.search(headers.get("Authorization") or "")
    if scope is None:
        raise ServiceError("MissingAuthenticationTokenException", "Request is missing a token", 403)
    access_key, region, service = scope.groups()
    target = headers.get("X-Amz-Target") or ""
    if match := _CBOR_PATH.search(path):
        operation, protocol, given = match[1], "cbor", _from_cbor(body)
    elif target:
        operation, protocol, given = target.rpartition(".")[2], "json", json.loads(body or b"{}")
    else:
        given = dict(parse_qsl(body.decode("utf-8")))
        operation, protocol = given.pop("Action"), "query"
    if service == "kms" and operation in MODEL.operation_names:
        shape = MODEL.operation_model(operation).input_shape
        given = given if shape is None else decode(shape, given)
    return Incoming(service, operation, region, access_key, protocol, given)


def write(incoming: Incoming, output: dict[str, Any], request_id: str) -> Outgoing:
    """The answer in the protocol of the request."""
    if incoming.service == "kms":
        shape = MODEL.operation_model(incoming.operation).output_shape
        output = {} if shape is None else encode(shape, output)
        return _json(200, json.dumps(output) if shape is not None else "", request_id)
    if incoming.protocol == "query":
        name = incoming.operation
        result = f"<{name}Result>{_xml(output)}</{name}Result>"
        meta = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        return _document(200, f"<{name}Response>{result}{meta}</{name}Response>", request_id)
    if incoming.protocol == "cbor":
        return _cbor(200, output, request_id)
    return _json(200, json.dumps(output), request_id)


def write_error(incoming: Incoming | None, error: ServiceError, request_id: str) -> Outgoing:
    """An error in the protocol of the request."""
    if incoming is not None and incoming.protocol == "query":
        code = {"AccessDeniedException": "AccessDenied", "ExpiredTokenException": "ExpiredToken"}
        inner = {"Type": "Sender", "Code": code.get(error.code, error.code)}
        body = _xml({**inner, "Message": error.message})
        text = f"<ErrorResponse><Error>{body}</Error><RequestId>{request_id}</RequestId>"
        return _document(error.status, f"{text}</ErrorResponse>", request_id)
    body = {"__type": error.code, "message": error.message}
    if incoming is not None and incoming.protocol == "cbor":
        return _cbor(error.status, body, request_id)
    return _json(error.status, json.dumps(body), request_id)


def _json(status: int, text: str, request_id: str) -> Outgoing:
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request_id}
    return Outgoing(status, text.encode("utf-8"), headers)


def _document(status: int, text: str, request_id: str) -> Outgoing:
    headers = {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}
    return Outgoing(status, text.encode("utf-8"), headers)


def _cbor(status: int, value: dict[str, Any], request_id: str) -> Outgoing:
    headers = {
        "Content-Type": "application/cbor",
        "smithy-protocol": "rpc-v2-cbor",
        "x-amzn-RequestId": request_id,
    }
    return Outgoing(status, _to_cbor(value), headers)


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(item)}</{name}>" for name, item in value.items())
    return escape(str(value))


def _from_cbor(body: bytes) -> dict[str, Any]:
    parser = RpcV2CBORParser()
    value = parser.parse_data_item(parser.get_peekable_stream_from_bytes(body))
    return dict(value)


def _to_cbor(value: Any) -> bytes:
    """The part of CBOR that the tagging API answers with: text, lists, maps."""
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(3, len(text)) + text
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(_to_cbor, value))
    assert isinstance(value, dict), f"no CBOR for {value!r}"
    return _head(5, len(value)) + b"".join(_to_cbor(x) for item in value.items() for x in item)


def _head(kind: int, size: int) -> bytes:
    return bytes([kind << 5 | 26]) + size.to_bytes(4, "big")
