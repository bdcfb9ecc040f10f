"""The section Drift: what was changed outside keyplan, and what this plan does about it.

Rules: worst first; each drifted key says how to keep what is there and how to undo it;
an attribute that keyplan does not manage is said to have changed and is never touched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.values import Value
from keyplan.plans.changes import DriftItem, DriftKind, DriftResponse
from keyplan.plans.drift import Drifted
from keyplan.plans.plan import PlanMode
from keyplan.render.attributes import COLUMN, INDENT, explained
from keyplan.render.explain import Explainer
from keyplan.render.fold import fold
from keyplan.render.layout import clean, count, entry, listed, paragraph, with_right
from keyplan.render.values import attribute_text, grant_text, is_long, policy_change, text_of
from keyplan.render.view import PlanView
from keyplan.render.words import RESPONSES, place

_FIRST = ("policy", "grants", "state")
_WRITTEN = frozenset({"description", "expires_at", "exportable", "labels", "state"})
"""Attributes whose value the language takes on one line."""

_STATES = (KeyState.ACTIVE, KeyState.SUSPENDED, KeyState.DEACTIVATED, KeyState.COMPROMISED)
_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./@+ -]*[A-Za-z0-9_./@+-])?|\d{4}-\d\d-\d\dT[\d:]+Z")
"""Texts that YAML has as they are, on one line and for no template, and instants."""

_NAME = re.compile(r"(?!(?:true|false|yes|no|on|off|y|n|null)$)[a-z][a-z0-9_-]*")
_ID = re.compile(r"[0-9a-f]{32,}")
_NONE = frozenset({"none", "null", "Null", "NULL"})
_SEVERITY = {kind: number for number, kind in enumerate(DriftKind)}


@dataclass(frozen=True, slots=True)
class DriftedKey:
    """Everything that drifted on one key, worst first."""

    address: Address
    items: tuple[DriftItem, ...]

    @property
    def worst(self) -> DriftItem:
        """The item to speak of first."""
        return self.items[0]


def drifted_keys(items: tuple[DriftItem, ...]) -> tuple[DriftedKey, ...]:
    """Drift by key, the worst key first."""
    found: dict[Address, list[DriftItem]] = {}
    for item in sorted(items, key=_rank):
        found.setdefault(item.address, []).append(item)
    return tuple(DriftedKey(address, tuple(group)) for address, group in found.items())


def drifted_groups(entries: Iterable[Drifted]) -> tuple[tuple[Drifted, ...], ...]:
    """The entries of a report by key, the worst key first."""
    found: dict[Address, list[Drifted]] = {}
    for entry_ in sorted(entries, key=lambda one: _rank(one.item)):
        found.setdefault(entry_.item.address, []).append(entry_)
    return tuple(tuple(group) for group in found.values())


def _rank(item: DriftItem) -> tuple[int, Address, str]:
    return (_SEVERITY[item.kind], item.address, item.path)


def drift_section(view: PlanView) -> list[str]:
    """The section with its title; empty if there is none."""
    keys = drifted_keys(view.plan.drift)
    if not keys:
        return []
    folded = fold(keys, _likeness, full=view.options.full)
    lines = [f"Drift   changed outside keyplan since serial {view.plan.serial}", ""]
    for key in folded.shown:
        lines += [*_key_lines(view, key), ""]
    for likeness, more in folded.more.items():
        text = f"! {count(more, 'more key')}: {likeness} (show all: {view.options.show_all})"
        lines += [*paragraph(text, 2, 4), ""]
    return lines


def drift_headline(key: DriftedKey) -> str:
    """`key.ledger was suspended`: the drift of a key in a few words."""
    item = key.worst
    name = item.path.partition(":")[0]
    if item.kind is DriftKind.VANISHED:
        return f"{key.address} is gone"
    if scheduled(item):
        return f"somebody scheduled the deletion of {key.address}"
    if item.path == "state":
        return f"{key.address} became {text_of(item.live)}"
    if item.note and len(key.items) == 1:
        return f"{key.address}: {item.note}"
    if len(key.items) > 1:
        worst = [one for one in key.items if one.kind is item.kind]
        names = dict.fromkeys(one.path.partition(":")[0] for one in worst)
        return (
            f"{key.address}: {count(len(key.items), 'attribute')} changed,"
            f" {item.kind.value} by {listed(sorted(names, key=_weight))}"
        )
    if item.kind in (DriftKind.ACCESS_WIDENED, DriftKind.ACCESS_NARROWED):
        return f"{key.address}: {item.kind.value}, {name} changed"
    return f"{key.address}: {name} changed"


def _weight(name: str) -> tuple[int, str]:
    """Who may do what comes before what a key is called."""
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def scheduled(item: DriftItem) -> bool:
    """Whether somebody scheduled the key's deletion."""
    return item.path == "deletion_at" and item.live is not None


def rescue_words(view: PlanView, address: Address) -> str:
    """What becomes of a key whose deletion this plan cancels."""
    if address in view.enabled:
        return "cancels that and enables it"
    return "cancels that; it stays suspended: write `state: active` to enable it"


def _likeness(key: DriftedKey) -> str:
    names = dict.fromkeys(item.path.partition(":")[0] for item in key.items)
    return f"{', '.join(names)}, {key.worst.kind.value}, plan {RESPONSES[key.worst.response]}"


def _key_lines(view: PlanView, key: DriftedKey) -> list[str]:
    head = paragraph(f"! {clean(key.address)}", 2, 6)
    lines = with_right(head, view.facts_text(key.address, key.worst.provider))
    for item in key.items:
        lines += changed_lines(item, view.explainer)
    answers = dict.fromkeys(item.response for item in key.items)
    for response in answers:
        of_it = [item for item in key.items if item.response is response]
        what = RESPONSES[response]
        if response is DriftResponse.REVERT and scheduled(of_it[0]):
            what = rescue_words(view, key.address)
        if len(answers) > 1:
            names = ", ".join(dict.fromkeys(item.path.partition(":")[0] for item in of_it))
            what = f"{what}: {names}"
        lines += entry(INDENT, "this plan", what)
        lines += _advice(of_it[0])
    return lines


def changed_lines(item: DriftItem, explainer: Explainer) -> list[str]:
    """What changed: the attribute, its old and its new value."""
    name, _, element = item.path.partition(":")
    if item.kind is DriftKind.VANISHED:
        return entry(INDENT, "key", "in the state, and not at the provider any more")
    if item.path == "deletion_at" and item.live is not None:
        return entry(
            INDENT, "deletion", f"scheduled by somebody; it can be saved until {item.live}"
        )
    if item.note:
        return entry(INDENT, name, item.note)
    if element:
        show = grant_text if name == "grants" else text_of
        change = _pair(show(item.applied), show(item.live))
        if name == "grants" and _ID.fullmatch(element):  # whose grant it is says more than its id
            return entry(INDENT, name, f"{change}; id {element}")
        return entry(INDENT, name, f"{element}: {change}")
    if name == "policy":
        lines = entry(INDENT, name, policy_change(item.applied, item.live))
    else:
        lines = entry(
            INDENT, name, _pair(attribute_text(name, item.applied), attribute_text(name, item.live))
        )
    if is_long(item.applied) or is_long(item.live):
        found = explainer.explain(item.applied, item.live)
        lines += explained(found, COLUMN) if found else []
    return lines


def _pair(applied: str, live: str) -> str:
    return f"{applied} -> {live}"


def _advice(item: DriftItem) -> list[str]:
    if item.kind is DriftKind.VANISHED:
        again = item.response is DriftResponse.REVERT
        text = "take its entry away" if again else "restore the key"
        text += f", {'and' if again else 'or'} name it under `removed` with `mode: forget`"
        return entry(INDENT, "to let it go" if again else "next", text)
    match item.response:
        case DriftResponse.REVERT:
            return _keep(item)
        case DriftResponse.REPORT:
            return _keep(item) + entry(INDENT, "to undo it", "keyplan drift --remediate")
        case DriftResponse.IGNORE:
            return entry(INDENT, "to undo it", "take it out of `ignore_changes` and apply")
        case DriftResponse.LEAVE if is_version(item):
            return entry(INDENT, "to keep it", "keyplan apply --refresh-only takes note of it")
        case DriftResponse.LEAVE:
            return entry(INDENT, "to manage it", "declare the value that it should have")
        case DriftResponse.BLOCK | DriftResponse.ACCEPT | DriftResponse.AGREED:
            return []
        case DriftResponse.OBSERVE:
            return []


def is_version(item: DriftItem) -> bool:
    """Whether it is about a version of the key, which no declaration names."""
    return item.path.partition(":")[0] == "version"


def _keep(item: DriftItem) -> list[str]:
    words = keep_words(item)
    return with_right(entry(INDENT, "to keep it", words), place(item.position)) if words else []


def keep_words(item: DriftItem) -> str:
    """What to write so that what is there now stays; empty where nothing keeps it."""
    if item.path == "mark":
        return ""
    if item.path == "deletion_at":
        entry_ = f"`removed: [{{from: '{item.address}', mode: destroy}}]`"
        return f"take the key out and write {entry_}" if item.live else ""
    text = declaration(item.path, item.live)
    return f"write `{text}`" if text else "declare what is there now"


def declaration(path: str, value: Value) -> str:
    """How the language writes a value, `state: suspended`; empty if that takes more than a line."""
    name, _, element = path.partition(":")
    if name not in _WRITTEN or is_long(value) or isinstance(value, list | dict):
        return ""
    if name == "state" and value not in _STATES:
        return ""
    text = "none" if value is None else text_of(value)
    if isinstance(value, str) and (not _PLAIN.fullmatch(value) or value in _NONE):
        text = json.dumps(value.replace("${", "$${").replace("%{", "%%{"), ensure_ascii=False)
    key = element if _NAME.fullmatch(element) else json.dumps(element, ensure_ascii=False)
    return f"{name}: {{{key}: {text}}}" if element else f"{name}: {text}"


def mode_title(mode: PlanMode) -> str:
    """What a plan of that mode is, for its first line; empty for an ordinary one."""
    match mode:
        case PlanMode.DESTROY:
            return "destroy"
        case PlanMode.REFRESH_ONLY:
            return "refresh only: no key is changed"
        case PlanMode.NORMAL:
            return ""
