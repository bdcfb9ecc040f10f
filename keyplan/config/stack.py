"""The `keyplan` block and `provider` blocks: what becomes model values at once."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan import __version__
from keyplan.config.decode import Decoded, evaluate
from keyplan.config.decode_collections import RecordCodec
from keyplan.config.decode_scalars import Mode, PlainCodec
from keyplan.config.expressions import Scope
from keyplan.config.fields import Kind, Plain
from keyplan.config.language import KEYPLAN
from keyplan.config.providers import check_settings
from keyplan.config.report import Report, at, at_key, suggest, suggest_or_list
from keyplan.config.tree import Entry, MapNode, ScalarNode
from keyplan.config.version import satisfies
from keyplan.model.stack import ProviderBlock, Safety, Stack, StackMode, StoreBlock
from keyplan.model.values import Value
from keyplan.sdk.provider import Plugin

SEALED = "sealed"
"""Stands beside a store in `keyplan.state` and is none."""


def read_stack_block(name: str, entries: Mapping[str, Entry], report: Report) -> Stack:
    """The stack as its `keyplan` block describes it; what was reported keeps its default."""
    if not entries:
        return Stack(name)
    first = next(iter(entries.values()))
    node = MapNode(dict(entries), first.line, first.column, first.value.file)
    codec = RecordCodec(KEYPLAN, Mode("keyplan", Kind.LITERAL))
    fields = codec.decode(node, report)
    if not isinstance(fields, dict):
        return Stack(name)
    check_version(entries, report)
    safety = fields.get("safety")
    return Stack(
        name,
        StackMode(str(fields.get("mode", StackMode.MANAGE))),
        _store(fields.get("state"), entries.get("state"), report),
        _safety(safety if isinstance(safety, dict) else {}),
    )


def check_version(entries: Mapping[str, Entry], report: Report) -> None:
    """Report a `keyplan.required_version` that is none, or that this version does not meet."""
    entry = entries.get("required_version")
    wanted = entry.value.text if entry and isinstance(entry.value, ScalarNode) else ""
    if not wanted or "${" in wanted:
        return  # reported as a field without a value
    place = at(entries["required_version"].value)
    try:
        fits = satisfies(__version__, wanted)
    except ValueError as error:
        report.error(
            "KP-DECL-014", place, "keyplan.required_version is not a requirement",
            why=str(error),
        )  # fmt: skip
        return
    if not fits:
        report.error(
            "KP-DECL-013",
            place,
            f"this stack needs keyplan {wanted}",
            why=f"this is keyplan {__version__}",
            advice="Install a version that fits, or change required_version.",
        )


def _store(block: Decoded | None, entry: Entry | None, report: Report) -> StoreBlock:
    if not isinstance(block, dict) or entry is None:
        return StoreBlock()
    stores = [name for name in block if name != SEALED]
    if len(stores) != 1:
        report.error(
            "KP-DECL-003",
            at_key(entry),
            f"keyplan.state names {len(stores) or 'no'} stores",
            advice="Name one: `state: {local: {path: keyplan.state.json}}`."
            + (" `sealed` is none: it stands beside one." if SEALED in block else ""),
        )
        return StoreBlock()
    (name,) = stores
    settings = block[name]
    return StoreBlock(
        name,
        settings if isinstance(settings, dict) else {},
        at_key(entry).position,
        _sealed(block[SEALED], entry, report) if SEALED in block else None,
    )


def _sealed(settings: Value, entry: Entry, report: Report) -> dict[str, Value] | None:
    """What opens a sealed store; `None` after a report."""
    from keyplan.session.sealed_settings import SealedSettings  # noqa: PLC0415  (cryptography)

    inner = entry.value.entries[SEALED] if isinstance(entry.value, MapNode) else entry
    given = settings if isinstance(settings, dict) else {}
    label = f"keyplan.state.{SEALED}"
    return check_settings(SealedSettings, given, inner, label, report, code="KP-DECL-038")


def _safety(fields: Mapping[str, Value]) -> Safety:
    usual = Safety()
    return Safety(
        max_delete=_number(fields.get("max_delete"), usual.max_delete),
        max_update=_number(fields.get("max_update"), usual.max_update),
        min_existing=int(_number(fields.get("min_existing"), usual.min_existing)),
    )


def _number(value: Value, usual: float) -> float:
    return value if isinstance(value, int | float) else usual


def read_providers(
    entries: Mapping[str, Entry], plugins: Mapping[str, Plugin], scope: Scope, report: Report
) -> tuple[dict[str, ProviderBlock], frozenset[str]]:
    """Provider instances whose settings their models accept, and those that failed."""
    blocks: dict[str, ProviderBlock] = {}
    failed: set[str] = set()
    for instance, entry in entries.items():
        own = report.about(f"provider.{instance}")
        plugin = plugins.get(instance.partition(".")[0])
        if plugin is None:
            _not_installed(instance, entry, plugins, own)
            failed.add(instance)
            continue
        settings = _settings(instance, entry, scope, own)
        if settings is not None:
            check_settings(plugin.settings_model, settings, entry, f"provider.{instance}", own)
        if settings is None or own.errors:
            failed.add(instance)
            continue
        place = at_key(entry)
        blocks[instance] = ProviderBlock(instance, settings, place.position, place.snippet)
    return blocks, frozenset(failed)


def _not_installed(
    instance: str, entry: Entry, plugins: Mapping[str, Plugin], report: Report
) -> None:
    kind = instance.partition(".")[0]
    near = suggest(kind, plugins)
    others = suggest_or_list(kind, plugins, "Installed")
    report.error(
        "KP-DECL-022",
        at_key(entry),
        f"no provider type {kind} is installed",
        advice=near or f"Try `pip install 'keyplan[{kind}]'`. {others}".strip(),
    )


def _settings(instance: str, entry: Entry, scope: Scope, report: Report) -> dict[str, Value] | None:
    node = entry.value
    if isinstance(node, ScalarNode) and not node.text and not node.quoted:
        return {}
    codec = PlainCodec(Plain(), Mode(f"provider.{instance}", Kind.TEMPLATE))
    value = evaluate(codec.decode(node, report), scope, report)
    if isinstance(value, dict):
        return value
    if not report.errors:
        report.error(
            "KP-DECL-003", at(node), f"provider.{instance} is not a map",
            advice="Write its settings as a map, or {} for none.",
        )  # fmt: skip
    return None
