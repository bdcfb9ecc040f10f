"""The modules that a stack uses: folders below it, each read once.

Rules: a source is a directory below the stack, whatever links or `..` it goes through;
a circle of modules is reported with every step, and nesting is bounded. A mistake in a
module's files is shown there, with the line that uses the module beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from keyplan.config.blocks import Block
from keyplan.config.declarations import Declarations, collect_declarations
from keyplan.config.report import Place, Report, at, at_key, related
from keyplan.config.source import read_stack
from keyplan.config.sources import Source, read_blocks, read_variables
from keyplan.config.stack import check_version
from keyplan.diagnostics import Related, Severity
from keyplan.sdk.provider import Plugin

MAX_DEPTH = 10
"""How deep modules may be nested."""

_OWN_FOLDER = ".keyplan"
_STACK_ONLY = ("provider", "import", "moved", "removed")
_INSTEAD = {
    "provider": "Declare it in the stack; `providers` of the module says which one it gets.",
    "import": "Write it in the stack, with the module's address in `to`.",
    "moved": "Write it in the stack, with the module's addresses.",
    "removed": "Write it in the stack, with the module's address.",
}


@dataclass(frozen=True, slots=True)
class _Step:
    """One module in a chain of modules: its folder and where it is used."""

    folder: Path
    block: Block


def read_modules(
    stack: Source, plugins: Mapping[str, Plugin], known: Iterable[str], report: Report
) -> bool:
    """Read every module below the stack into `children`; false if a file cannot be parsed."""
    reader = _Modules(stack.folder, plugins, frozenset(known), report)
    reader.read_below(stack, [])
    return reader.complete


class _Modules:
    """Reads folders, each once."""

    def __init__(
        self, stack: Path, plugins: Mapping[str, Plugin], known: frozenset[str], report: Report
    ) -> None:
        self._stack = stack
        self._plugins = plugins
        self._known = known
        self._report = report
        self._sources: dict[Path, Source | None] = {}
        self.complete = True

    def read_below(self, source: Source, chain: list[_Step]) -> None:
        """The modules that a folder uses."""
        for name, block in source.modules.items():
            report = Report(self._report.diagnostics, block.address, within=_calls(chain))
            folder = self._folder(block, report)
            if folder is None or not self._fits(folder, block, chain, report):
                continue
            if folder not in self._sources:
                self._sources[folder] = None
                self._sources[folder] = self._read(folder, [*chain, _Step(folder, block)])
            found = self._sources[folder]
            if found is not None:
                source.children[name] = found

    def _folder(self, block: Block, report: Report) -> Path | None:
        """The directory that `source` names, if it can be used."""
        written = block.constants.get("source")
        node = block.node("source")
        if not isinstance(written, str) or node is None:
            return None
        problem, advice = "", "Write it as ./modules/name, relative to this file."
        path = Path(written)
        if "://" in written or written.startswith("git@") or "::" in written:
            problem = "is not a directory of this stack"
            advice = "Copy the module below the stack: nothing is fetched."
        elif path.is_absolute() or "\0" in written:
            problem = "is not a relative path"
        elif not written.startswith(("./", "../")):
            problem, advice = "does not begin with ./", f"Write ./{written}."
        else:
            folder, problem, advice = self._resolved(node.file.path.parent / path, advice)
            if not problem:
                return folder
        report.error(
            "KP-DECL-030", block.at("source"), f"the source {written} {problem}", advice=advice
        )
        return None

    def _resolved(self, path: Path, advice: str) -> tuple[Path | None, str, str]:
        """The real directory, or what is wrong with it and what to write."""
        try:
            folder = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return None, "does not exist", advice
        if folder != self._stack and not folder.is_relative_to(self._stack):
            return None, "leaves the stack", "Copy the module below the stack."
        if _OWN_FOLDER in folder.relative_to(self._stack).parts:
            return None, f"is in {_OWN_FOLDER}, which is keyplan's own", "Keep it somewhere else."
        if not folder.is_dir():
            return None, "is not a directory", advice
        return folder, "", ""

    def _fits(self, folder: Path, block: Block, chain: list[_Step], report: Report) -> bool:
        """Whether the module is not among those that it is in, and not too deep."""
        around = [self._stack, *(step.folder for step in chain)]
        if folder in around:
            names = [self._shown(item) for item in [*around[around.index(folder) :], folder]]
            report.error(
                "KP-DECL-031",
                block.at("source"),
                "modules contain each other in a circle: " + " -> ".join(names),
                advice="Take one of them out of the other.",
            )
            return False
        if len(chain) >= MAX_DEPTH:
            report.error(
                "KP-DECL-031",
                block.at("source"),
                f"modules are nested more than {MAX_DEPTH} levels deep",
                advice="Use this module from a higher one.",
            )
            return False
        return True

    def _shown(self, folder: Path) -> str:
        return "the stack" if folder == self._stack else folder.relative_to(self._stack).as_posix()

    def _read(self, folder: Path, chain: list[_Step]) -> Source | None:
        """One module's folder, and those below it."""
        diagnostics = self._report.diagnostics
        report = Report(diagnostics, chain[-1].block.address, within=_calls(chain))
        before = len(diagnostics)
        sources = read_stack(folder, diagnostics, stack=self._stack)
        readable = not any(item.severity is Severity.ERROR for item in diagnostics.items[before:])
        declarations = collect_declarations(sources.files, report)
        _refuse_stack_only(declarations, report)
        check_version(declarations.blocks["keyplan"], report)
        variables = read_variables(declarations, report)
        source = read_blocks(folder, declarations, variables, self._plugins, self._known, report)
        if not readable or not declarations.complete:
            self.complete = False
            return None
        self.read_below(source, chain)
        return source


def _calls(chain: list[_Step]) -> tuple[Related, ...]:
    """Where the modules of a chain are used, the innermost first."""
    return tuple(called(step.block.place, step.block.address) for step in reversed(chain))


def called(place: Place, address: str) -> Related:
    """The second place of a message about something in a module."""
    return related(f"{address} is used here", place)


def _refuse_stack_only(declarations: Declarations, report: Report) -> None:
    """Report blocks that are written in the stack's own files only."""
    for kind in _STACK_ONLY:
        if kind == "provider":
            places = [at_key(entry) for entry in declarations.blocks["provider"].values()]
        else:
            places = [at(node) for node in declarations.lists[kind]]
        if places:
            report.error(
                "KP-DECL-033",
                places[0],
                f"{kind} belongs to the stack, and this is a module",
                advice=_INSTEAD[kind],
            )
    for name, entry in declarations.blocks["keyplan"].items():
        if name != "required_version":
            report.error(
                "KP-DECL-033",
                at_key(entry),
                f"keyplan.{name} belongs to the stack, and this is a module",
                advice="A module may write keyplan.required_version only.",
            )
