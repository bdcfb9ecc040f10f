"""The forms of a drift report, and which of them stdout and a file get."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keyplan.app.drift import DriftResult
from keyplan.cli.terminal import as_json
from keyplan.errors import UsageError
from keyplan.render.drift_document import drift_document
from keyplan.render.drift_markdown import drift_markdown
from keyplan.render.drift_report import drift_text
from keyplan.render.sarif import drift_sarif

FORMATS = ("text", "markdown", "json", "sarif")


@dataclass(frozen=True, slots=True)
class Shape:
    """The forms asked for: `kind` for the file, or for stdout without one."""

    kind: str
    json: bool
    file: Path | None

    @property
    def machine(self) -> bool:
        """Whether a program reads stdout."""
        return self.on_stdout == "json"

    @property
    def on_stdout(self) -> str:
        """The format of stdout."""
        if self.json:
            return "json"
        return self.kind if self.file is None else "text"


def shape_of(name: str | None, *, json: bool, file: Path | None) -> Shape:
    """The forms that flags ask for.

    Raises `UsageError` for one that does not exist, and where two would share stdout.
    """
    if name is not None and name not in FORMATS:
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise UsageError(f"there is no format {name} of a drift report", advice=f"Use {known}.")
    if json and file is None and name not in (None, "text", "json"):
        raise UsageError(
            f"--json and --format {name} cannot both have stdout", advice="Use --output-file."
        )
    return Shape(name or "text", json, file)


def rendered(result: DriftResult, kind: str) -> str:
    """The report in a format."""
    match kind:
        case "json":
            return as_json(drift_document(result.report))
        case "sarif":
            return as_json(drift_sarif(result.report, folder=_folder()))
        case "markdown":
            return drift_markdown(result.report)
        case _:
            return drift_text(result.report, seconds=result.seconds)


def _folder() -> str:
    """The stack's folder inside its repository: where code scanning looks for files."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return here.relative_to(folder).as_posix()
    return ""
