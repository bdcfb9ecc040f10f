"""A strict AWS KMS and a stack on it: planned, applied and taken back as anywhere else.

The declaration is a document of the language, the keys are the double's, and time is by
hand for all of them: for keyplan, for its provider, and for AWS.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import pytest

from keyplan.app.workspace import Workspace
from keyplan.graph.resources import ResourceGraph
from keyplan.plans.plan import Plan
from keyplan.plans.reports import ApplyReport
from keyplan.sdk.provider import OpenContext
from keyplan.session.session import ProviderSession
from keyplan.testing.memory_store import Medium
from keyplan_aws.manifest import CALLS
from keyplan_aws.opening import open_provider
from keyplan_aws.plugin import PLUGIN
from keyplan_aws.policy.canonical import canonical_policy
from keyplan_aws.quotas import QUOTAS
from keyplan_aws.settings import AwsSettings
from tests.aws_double import Identity, KmsDouble
from tests.aws_double.records import Key
from tests.aws_double.world import World as Service
from tests.lifecycle.undoing import EVERYTHING, plan_of, undo
from tests.lifecycle.world import World

PLACES = {"aws": "us-east-1", "aws.dr": "eu-west-1"}
"""The Region of each provider block."""

ROLE = "arn:aws:iam::111122223333:role/"
FAST = dict.fromkeys(QUOTAS, 1e5)
"""No quotas: the double has none unless it is told to."""

WRITES = frozenset(name for call in CALLS.values() for name in call.split(", "))
"""Every call that changes something."""

Document = dict[str, Any]
Picture = Mapping[tuple[str, str], Mapping[str, Any]]


def document(keys: Mapping[str, Any], **blocks: Any) -> Document:
    """A stack of these keys, with people and policies to choose from."""
    return {
        "keyplan": {"safety": {"max_delete": 1, "max_update": 1}},
        "provider": {name: {"region": region} for name, region in PLACES.items()},
        "principal": {
            "admins": {"kind": "human", "aws": Identity().arn},
            "api": {"kind": "workload", "aws": f"{ROLE}payments-api"},
            "report": {"kind": "workload", "aws": f"{ROLE}report"},
        },
        "policy": {
            "ceremony": {"administrators": ["principal.admins"], "aws": {"account": "none"}},
            "envelope": {
                "administrators": ["principal.admins"],
                "statement": {"Use": {"principals": ["principal.api"], "operations": ["use"]}},
                "aws": {"account": "delegate"},
            },
            "audit": {
                "administrators": ["principal.admins"],
                "statement": {
                    "Audit": {"principals": ["principal.report"], "operations": ["audit"]},
                    "Never": {
                        "effect": "deny",
                        "principals": ["principal.report"],
                        "operations": ["grant"],
                    },
                },
            },
        },
        "key": dict(keys),
        **blocks,
    }


def key(**more: Any) -> dict[str, Any]:
    """A symmetric root key that may be destroyed."""
    usual = {"provider": "aws", "tier": "root", "usage": "encrypt", "algorithm": "aes-256"}
    return {**usual, "deletion": {"protection": False, "window": "30d"}, **more}


class AwsWorld(World):
    """A context manager; one double and one connection to each Region, for many stacks."""

    def __init__(self, folder: Path, *, quotas: Mapping[str, float] | None = None) -> None:
        super().__init__(instances=tuple(PLACES))
        self.folder = folder
        self.quotas = FAST if quotas is None else quotas
        self.double = KmsDouble(regions=tuple(PLACES.values()), clock=self.clock.now)
        self._open: dict[str, ProviderSession] = {}

    def __enter__(self) -> Self:
        self.double.__enter__()
        return self

    def __exit__(self, *exit_: object) -> None:
        self.disconnect()
        self.double.__exit__(*exit_)

    def anew(self) -> None:
        """Forget every key and the state."""
        self.double.world = Service(tuple(PLACES.values()), self.clock.now)
        self.double.faults.clear()
        self.double.calls.clear()
        self.medium = Medium()

    @property
    def sessions(self) -> dict[str, ProviderSession]:
        """The connections; new ones after `disconnect`."""
        if not self._open:
            self._open = {name: self.connect(name) for name in PLACES}
        return dict(self._open)

    def connect(self, name: str, **settings: Any) -> ProviderSession:
        """One connection of a provider block; `disconnect` closes only those of `sessions`."""
        block = AwsSettings(
            region=PLACES[name],
            endpoint_url=self.double.endpoint_url,
            quotas=dict(self.quotas),
            **settings,
        )
        provider = open_provider(block, OpenContext(Path(), self.clock.now()), clock=self.clock)
        return ProviderSession(
            name, PLUGIN, provider, clock=self.clock, random=lambda: 0.5, settings=block
        )

    def disconnect(self) -> None:
        """Close the connections, as the end of a process does."""
        for session in self._open.values():
            session.close()
        self._open.clear()

    # -- stacks --------------------------------------------------------------------------

    def graph(self, stack: Document) -> ResourceGraph:
        """The linked stack; raises `ConfigurationError` for what may not be declared."""
        text = json.dumps(stack)
        for word in ("none", "keep"):  # unquoted, they mean themselves
            text = text.replace(f'"{word}"', word)
        (self.folder / "keyplan.yaml").write_text(text, encoding="utf-8")
        return Workspace(self.folder, environment={}, clock=self.clock).graph

    def planned(self, stack: Document) -> Plan:
        """The plan of a stack, as it is read back from its file."""
        return plan_of(self, self.graph(stack))

    def made(self, stack: Document) -> ApplyReport:
        """Plan and apply it; it must succeed."""
        plan = self.planned(stack)
        assert not plan.errored, plan.findings
        report = self.apply(plan, allowed=EVERYTHING)
        assert report.ok, failures(report)
        return report

    def settled(self, stack: Document) -> ApplyReport:
        """Apply it, and see that nothing is left to do and nothing has drifted."""
        report = self.made(stack)
        again = self.planned(stack)
        left = [(step.address, step.operation) for step in again.steps]
        drift = [(item.address, item.path, item.applied, item.live) for item in again.drift]
        assert (left, drift) == ([], []), (left, drift)
        return report

    def undone(self, report: ApplyReport) -> ApplyReport:
        """Take a run back; it must succeed."""
        back = undo(self, report.run)
        assert back.ok, failures(back)
        return back

    # -- what AWS holds ------------------------------------------------------------------

    def kms(self, place: str = "aws") -> Any:
        """Somebody else's client."""
        return self.double.client("kms", PLACES[place])

    def arn(self, address: str) -> str:
        """The key behind an address."""
        return next(item.id for name, item in self.state.resources.items() if str(name) == address)

    def key(self, address: str) -> Key:
        """What AWS holds behind an address."""
        return self.double.world.key(self.arn(address))

    def picture(self) -> Picture:
        """Everything that AWS holds and somebody could change, by Region and key id."""
        world = self.double.world
        world.settle()
        return {(item.region, item.id): _picture(self, item) for item in world.every_key()}

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """The calls that changed something in the block, in order."""
        names: list[str] = []
        self.double.calls.clear()
        yield names
        names += [name for name in self.double.calls.names() if name in WRITES]


@contextmanager
def aws_world(*, quotas: Mapping[str, float] | None = None) -> Iterator[AwsWorld]:
    """A world with a folder, and credentials that are nobody's."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.delenv("AWS_PROFILE", raising=False)
        with AwsWorld(Path(folder), quotas=quotas) as world:
            yield world


def _picture(world: AwsWorld, item: Key) -> Mapping[str, Any]:
    rotation = item.shared.rotation
    grants = [json.dumps([grant.name, grant.terms]) for grant in item.grants.values()]
    return {
        "state": item.state,
        "description": item.description,
        "tags": dict(item.tags),
        "policy": canonical_policy(item.policy, account=item.account),
        "grants": sorted(grants),
        "aliases": sorted(world.double.world.alias_names(item)),
        "rotation": rotation.period if rotation.enabled else None,
        "material": len(item.shared.materials),
        "primary": item.shared.primary_region,
    }


def failures(report: ApplyReport) -> list[str]:
    """What went wrong, for the message of a test."""
    return [
        f"{item.step.address} {item.step.operation.name}: {item.error_class} {item.message}"
        for item in report.results
        if item.error_class
    ]


def without(stack: Document, *names: str, **blocks: Any) -> Document:
    """The stack without some keys."""
    left = deepcopy(stack)
    for name in names:
        del left["key"][name]
    return {**left, **blocks}
