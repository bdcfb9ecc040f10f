"""Stacks written into a folder and linked against two fake providers, `hsm` and `aws`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyplan.config.variables import VariableInputs
from keyplan.diagnostics import ConfigurationError, Diagnostic, Severity
from keyplan.graph.link import load_graph
from keyplan.graph.resources import ResourceGraph
from keyplan.model.keys import KeyState, Relation, Usage
from keyplan.rules.declaration import declaration_checks
from keyplan.sdk.provider import Plugin
from keyplan.testing.fake import fake_plugin

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

Link = Callable[..., ResourceGraph]
Mistakes = Callable[..., list[Diagnostic]]


def installed() -> Mapping[str, Plugin]:
    """`hsm` does everything; `aws` is a service with limits of its own."""
    return {
        "hsm": fake_plugin("hsm", without={"replicas", "primary"}),
        "aws": fake_plugin(
            "aws",
            without={"exportable", "certificate"},
            relations=frozenset({Relation.GOVERNS, Relation.SIGNS}),
            default_relation=Relation.GOVERNS,
            algorithms={
                "aes-256": frozenset({Usage.ENCRYPT}),
                "rsa-4096": frozenset({Usage.SIGN, Usage.ENCRYPT}),
            },
            min_window=timedelta(days=7),
            max_window=timedelta(days=30),
            states=frozenset({KeyState.ACTIVE, KeyState.SUSPENDED}),
        ),
    }


def write(folder: Path, files: str | Mapping[str, str]) -> None:
    """One text is `keyplan.yaml`."""
    every = {"keyplan.yaml": files} if isinstance(files, str) else files
    for name, text in every.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def link(tmp_path: Path) -> Link:
    """Link a stack; raises with everything that is wrong."""

    def run(
        files: str | Mapping[str, str],
        *assignments: tuple[str, str],
        environment: Mapping[str, str] | None = None,
        plugins: Mapping[str, Plugin] | None = None,
    ) -> ResourceGraph:
        write(tmp_path, files)
        found = plugins or installed()
        graph, _ = load_graph(
            tmp_path,
            inputs=VariableInputs(assignments),  # type: ignore[arg-type]
            plugins=found,
            environment=environment or {},
            now=NOW,
            checks=declaration_checks(found),
        )
        return graph

    return run


@pytest.fixture
def mistakes(link: Link) -> Mistakes:
    """The errors of a stack, in file order."""

    def run(*arguments: object, **options: object) -> list[Diagnostic]:
        with pytest.raises(ConfigurationError) as caught:
            link(*arguments, **options)
        return [item for item in caught.value.diagnostics if item.severity is Severity.ERROR]

    return run
