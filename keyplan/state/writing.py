"""The state as the bytes that a store keeps.

Rules: equal states give equal bytes: keys are sorted, and each attribute has a line of its
own, so that two versions compare well in review. Only JSON values are written; an `Unknown`
or a number that JSON lacks is refused.

The standard library's pretty printer needs over a second for 10,000 keys, so the layout is
made here; `docs/formats.md` describes it.
"""

from __future__ import annotations

import math
from json.encoder import encode_basestring as _quote

from keyplan.errors import StateError
from keyplan.model.observations import KeyVersion
from keyplan.model.values import Value
from keyplan.state import digests, parts
from keyplan.state.model import FORMAT, ResourceState, State


def encode_state(state: State, *, keyplan_version: str) -> bytes:
    """Pretty JSON in UTF-8 with sorted keys and a trailing newline.

    Raises `StateError` that names what is no JSON value.
    """
    resources = [
        f"{_quote(address)}: {_resource(state.resources[address])}"
        for address in sorted(state.resources)
    ]
    outputs = [
        f"{_quote(name)}: {_text(state.outputs[name], f'outputs.{name}')}"
        for name in sorted(state.outputs)
    ]
    fields = [
        f'"closed_runs": {_texts(state.closed_runs)}',
        f'"digest": "{digests.BLANK}"',
        f'"format": {FORMAT}',
        f'"keyplan_version": {_quote(keyplan_version)}',
        f'"lineage": {_quote(state.lineage)}',
        f'"outputs": {_block(outputs, "    ")}',
        f'"resources": {_block(resources, "    ")}',
        f'"serial": {state.serial}',
    ]
    try:
        return digests.signed(f"{_block(fields, '  ')}\n".encode())
    except UnicodeEncodeError as error:
        raise StateError(
            "the state holds text that is no Unicode",
            why=f"A lone surrogate stands at character {error.start} of what was to be written.",
            advice="Find the attribute or label with the broken text and correct it.",
        ) from None


def _resource(resource: ResourceState) -> str:
    attributes = resource.attributes
    owner = resource.owner
    lines = [
        f"{_quote(name)}: {_text(attributes[name], (resource.address, name))}"
        for name in sorted(attributes)
    ]
    versions = ", ".join(map(_version, resource.versions))
    mark = (
        "null"
        if owner is None
        else f'{{"stack": {_quote(owner.stack)}, "token": {_quote(owner.token)}}}'
    )
    return (
        f'{{\n      "attributes": {_block(lines, "        ")},\n'
        f'      "dependencies": {_texts(resource.dependencies)},\n'
        f'      "fingerprint": {_quote(resource.fingerprint)},\n'
        f'      "id": {_quote(resource.id)},\n'
        f'      "managed": {_texts(sorted(resource.managed))},\n'
        f'      "owner": {mark},\n'
        f'      "phase": "{resource.phase.value}",\n'
        f'      "provider": {_quote(resource.provider)},\n'
        f'      "recorded": {_texts(sorted(resource.recorded))},\n'
        f'      "until": {_quote(resource.until)},\n'
        f'      "versions": [{versions}]\n    }}'
    )


def _version(version: KeyVersion) -> str:
    instant = parts.encode_instant(version.created_at)
    return (
        f'{{"created_at": "{instant}", "number": {version.number},'
        f' "state": "{version.state.value}"}}'
    )


def _block(lines: list[str], indent: str) -> str:
    if not lines:
        return "{}"
    joined = f",\n{indent}".join(lines)
    return f"{{\n{indent}{joined}\n{indent[:-2]}}}"


def _texts(items: tuple[str, ...] | list[str]) -> str:
    return f"[{', '.join(map(_quote, items))}]"


def _text(value: Value, where: object) -> str:
    """One value on one line, keys sorted. `where` is only spelt out in an error."""
    if isinstance(value, str):
        return _quote(value)
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, dict):
        return f"{{{', '.join([f'{_quote(k)}: {_text(value[k], where)}' for k in sorted(value)])}}}"
    if isinstance(value, list):
        return f"[{', '.join([_text(item, where) for item in value])}]"
    if isinstance(value, float) and math.isfinite(value):
        return float.__repr__(value)
    place = where if isinstance(where, str) else ".".join(where)  # type: ignore[arg-type]
    raise StateError(
        f"a value that is not known, or that JSON lacks, cannot be kept: {value}",
        target=place,
        advice="Nothing was written. This is a defect of keyplan or of a provider: report it.",
    )


_CONSTANTS = {None: "null", True: "true", False: "false"}
