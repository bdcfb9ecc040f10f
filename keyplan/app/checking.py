"""Checking that a stack can be worked with from here. Creates and changes nothing.

Rules: every provider and the store is tried, whatever the others say, and opened to read
only; an open run is said. What fails says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.app.starting import SCHEMA_FILE, schema_content
from keyplan.app.workspace import Workspace
from keyplan.errors import KeyplanError
from keyplan.render.checks import CheckItem
from keyplan.render.layout import count


def check_stack(workspace: Workspace) -> list[CheckItem]:
    """What was found, in the order in which it matters.

    Raises `ConfigurationError` if the configuration itself is not valid.
    """
    keys = count(len(workspace.graph.keys), "key")
    return [
        CheckItem("configuration", f"{keys}, valid"),
        *_providers(workspace),
        *_store(workspace),
        *_schema(workspace),
    ]


def _providers(workspace: Workspace) -> Iterator[CheckItem]:
    """Each declared provider, asked who and where it is."""
    for name in sorted(workspace.settings.providers):
        subject = f"provider {name}"
        try:
            with workspace.sessions([name], read_only=True) as sessions:
                identity = sessions[name].identity
        except KeyplanError as error:
            yield _failed(subject, error)
        else:
            who = f", as {identity.principal}" if identity.principal else ""
            yield CheckItem(subject, f"{identity.place}{who}")


def _store(workspace: Workspace) -> Iterator[CheckItem]:
    """The state, and a run that did not end."""
    try:
        snapshot = workspace.snapshot()
        where = workspace.store.describe()
    except KeyplanError as error:
        yield _failed("state", error)
        return
    keys = count(len(snapshot.state.resources), "key")
    said = "empty" if snapshot.version is None else f"serial {snapshot.state.serial}, {keys}"
    yield CheckItem("state", f"{where}, {said}")
    if snapshot.open_run is not None:
        yield CheckItem(
            "open run",
            f"run {snapshot.open_run} did not end, so the state lags behind; if it is not"
            " running still, finish it",
            failed=True,
            advice="Write keyplan resume.",
        )


def _schema(workspace: Workspace) -> Iterator[CheckItem]:
    """The schema that editors use, if there is one: another installation may have made it."""
    try:
        written = (workspace.root / SCHEMA_FILE).read_bytes()
    except OSError:
        return
    fresh = written == schema_content(workspace.registry)
    renew = f"of another installation; renew it: keyplan schema --output-file {SCHEMA_FILE}"
    yield CheckItem("editor schema", SCHEMA_FILE if fresh else renew)


def _failed(subject: str, error: KeyplanError) -> CheckItem:
    what = f"{error.target}: {error.what}" if error.target else error.what
    said = " ".join(_sentence(text) for text in (error.why, error.advice) if text)
    return CheckItem(subject, what, failed=True, advice=said)


def _sentence(text: str) -> str:
    """What a library says of itself often ends without its full stop."""
    return text if text.endswith((".", ":", "!", "?")) else f"{text}."
