"""The state out of the bytes that a store kept.

Rules: reading is strict and names the JSON path of what is wrong; an older format is
migrated, a newer one refused by the name of the keyplan that wrote it.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

from keyplan.errors import StateError
from keyplan.model.address import Address
from keyplan.state import digests, documents, parts
from keyplan.state.documents import Document, MalformedError, under
from keyplan.state.migrations import MIGRATIONS, Migration, migrate
from keyplan.state.model import DIGESTED, Phase, ResourceState, State

_STATE = frozenset(
    {
        "closed_runs",
        "digest",
        "format",
        "keyplan_version",
        "lineage",
        "outputs",
        "resources",
        "serial",
    }
)
_RESOURCE = frozenset(
    {
        "attributes",
        "dependencies",
        "fingerprint",
        "id",
        "managed",
        "owner",
        "phase",
        "provider",
        "recorded",
        "until",
        "versions",
    }
)
SEALED = b'{"keyplan_sealed":'  # as `keyplan.state.sealing` begins; that imports cryptography
_RESTORE = "Nothing was changed. What can be brought back, and how: keyplan state verify"


def decode_state(
    content: bytes,
    *,
    migrations: Mapping[int, Migration] = MIGRATIONS,
    edited: bool = False,
) -> State:
    """The state in these bytes; an older format is migrated.

    With `edited`, bytes that keyplan did not write are taken all the same. Raises
    `StateError` that says whether they are cut off, no JSON, newer than this keyplan,
    edited, or which field is wrong.
    """
    with _no_garbage_collection():
        written = _head(_parse(content))
        document = migrate(written, migrations=migrations)
        try:
            state = _state(documents.document(document, _STATE, ""))
            said = documents.text(document, "digest", "")
        except MalformedError as error:
            raise StateError(
                f"the state is not well-formed: {error.problem}",
                target=error.path,
                why="It was edited by hand, or written by something else than keyplan.",
                advice=_RESTORE,
            ) from None
    if written["format"] >= DIGESTED and not edited and not digests.is_signed(content, said):
        raise StateError(
            "the state is not what keyplan wrote",
            why="Its digest does not fit its content: it was edited, or merged by another tool.",
            advice=f"{_RESTORE}. If the edit is meant: keyplan state push --force FILE",
        )
    return state


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Hold the cyclic collector back: a parsed document has no cycles.

    It would walk what was parsed so far again and again, which is two thirds of the
    time of reading 10,000 keys.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parse(content: bytes) -> object:
    if content.startswith(SEALED):
        raise StateError(
            "the state is sealed",
            why="It was encrypted, and `keyplan.state` does not say how to open it.",
            advice="Put `sealed` back beside the store: sealed: {passphrase: {env: NAME}}, or"
            " {key_file: PATH}. To go back to a plain state, run: keyplan state rekey --unsealed",
        )
    if not content.strip():
        raise StateError("the state is empty", why="A state has at least a head.", advice=_RESTORE)
    try:
        return json.loads(content.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not UTF-8"
    except RecursionError:
        problem = "it is nested too deeply"
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc.rstrip()) or not error.doc.rstrip().endswith("}"):
            raise StateError(
                "the state is cut off",
                why=f"It ends in the middle, after {len(content):,} bytes.",
                advice=_RESTORE,
            ) from None
        problem = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except ValueError as error:
        problem = str(error)
    raise StateError("the state is not JSON", why=f"{problem}.", advice=_RESTORE)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _head(document: object) -> Document:
    if type(document) is dict and type(document.get("format")) is int:
        return document
    raise StateError(
        "this is not a keyplan state",
        why="It has no field `format` with a whole number.",
        advice="Check the path of the state in the `keyplan` block.",
    )


def _state(document: Document) -> State:
    found = documents.mapping(document, "resources", "")
    documents.text(document, "keyplan_version", "")
    decode = _ResourceDecoder()
    resources = {}
    for name, data in found.items():
        try:
            resource = decode(name, data)
        except MalformedError as error:
            path = documents.joined(under("resources", name), error.path)
            raise MalformedError(path, error.problem) from None
        resources[resource.address] = resource
    return State(
        lineage=documents.text(document, "lineage", ""),
        serial=documents.number(document, "serial", ""),
        resources=resources,
        outputs=documents.mapping(document, "outputs", ""),
        closed_runs=tuple(documents.texts(document, "closed_runs", "")),
    )


class _ResourceDecoder:
    """Reads one resource after the other; what siblings have in common is made once.

    That is most of their lists and versions, which saves memory as well as time. Paths
    in errors start at the resource.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], frozenset[str]] = {}
        self._addresses: dict[tuple[str, ...], tuple[Address, ...]] = {}

    def __call__(self, name: str, data: object) -> ResourceState:
        found = documents.document(data, _RESOURCE, "")
        try:
            address = Address(name)
        except ValueError:
            raise MalformedError("", "is not an address") from None
        versions = documents.items(found, "versions", "")
        return ResourceState(
            address=address,
            provider=documents.text(found, "provider", ""),
            id=documents.text(found, "id", ""),
            attributes=documents.mapping(found, "attributes", ""),
            owner=parts.decode_owner(found["owner"], "owner"),
            managed=self._set(found, "managed"),
            dependencies=self._dependencies(found),
            phase=documents.converted(Phase, found, "phase", "", "a phase"),
            until=documents.text(found, "until", ""),
            fingerprint=documents.text(found, "fingerprint", ""),
            recorded=self._set(found, "recorded"),
            versions=tuple(
                [
                    parts.decode_version(item, f"versions[{index}]")
                    for index, item in enumerate(versions)
                ]
            ),
        )

    def _set(self, found: Document, name: str) -> frozenset[str]:
        names = tuple(documents.texts(found, name, ""))
        return self._names.get(names) or self._names.setdefault(names, frozenset(names))

    def _dependencies(self, found: Document) -> tuple[Address, ...]:
        names = tuple(documents.texts(found, "dependencies", ""))
        if names not in self._addresses:
            self._addresses[names] = parts.addresses(found, "dependencies", "")
        return self._addresses[names]
