"""`keyplan state`: look at the state, its history and its soundness, and edit it.

Rules: looking needs no lock; every edit is journalled; what could forget a key asks first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keyplan.app.states import changing, looking
from keyplan.cli import options as o
from keyplan.cli.asking import ask
from keyplan.cli.stack import workspace_of
from keyplan.cli.terminal import Machine, terminal_of
from keyplan.errors import KeyplanError, UsageError
from keyplan.render.states import (
    history_document,
    history_text,
    key_document,
    key_text,
    keys_text,
    problems_document,
    problems_text,
)

command = typer.Typer(
    name="state",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Look at the state, its history and its soundness, and edit it.",
)

Key = Annotated[str, typer.Argument(metavar="ADDR", help="A key of the state.")]


@command.command("list")
def list_(
    ctx: typer.Context,
    pattern: Annotated[
        str, typer.Argument(metavar="[PATTERN]", help="An address; * matches anything.")
    ] = "",
    json: o.JsonDocument = False,
    no_color: o.NoColour = False,
) -> int:
    """List the keys of the state."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    terminal.machine = Machine.DOCUMENT if json else terminal.machine
    found = looking.list_keys(workspace_of(terminal), pattern)
    if json:
        terminal.document([key_document(item) for item in found], large=True)
    else:
        terminal.text(keys_text(found))
    return 0


@command.command()
def show(
    ctx: typer.Context, address: Key, json: o.JsonDocument = False, no_color: o.NoColour = False
) -> int:
    """Show everything that the state knows of a key."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    terminal.machine = Machine.DOCUMENT if json else terminal.machine
    found = looking.one_key(workspace_of(terminal), address)
    if json:
        terminal.document(key_document(found))
    else:
        terminal.text(key_text(found))
    return 0


@command.command()
def mv(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help="A key of the state.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Its new address.")],
    lock_timeout: o.LockTimeout = "0s",
    no_color: o.NoColour = False,
) -> int:
    """Give a key another address. The configuration must follow; `moved` does both at once."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    wait = o.seconds_of(lock_timeout, "--lock-timeout")
    state = changing.move(workspace_of(terminal), source, target, lock_timeout=wait)
    terminal.text(f"{source} is {target} now. State serial {state.serial}.\n")
    return 0


@command.command()
def rm(
    ctx: typer.Context,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDR", help="Keys to forget.")],
    auto_approve: o.AutoApprove = False,
    lock_timeout: o.LockTimeout = "0s",
    no_input: o.NoInput = False,
    no_color: o.NoColour = False,
) -> int:
    """Forget keys. They stay as they are, keyplan's mark on them included."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    terminal.asking = not no_input
    wait = o.seconds_of(lock_timeout, "--lock-timeout")
    workspace = workspace_of(terminal)
    changing.check_removable(workspace, addresses)
    what = f"The state forgets {', '.join(addresses)}; the keys themselves stay as they are."
    ask(terminal, what, verb="state rm", auto_approve=auto_approve)
    state = changing.remove(workspace, addresses, lock_timeout=wait)
    terminal.text(
        f"Forgotten: {', '.join(addresses)}. State serial {state.serial}.\n"
        "Their marks stay: a `removed` entry with mode forget would have taken them off too.\n"
    )
    return 0


@command.command()
def pull(
    ctx: typer.Context,
    serial: Annotated[
        int | None,
        typer.Option("--serial", metavar="N", help="An earlier state, if it can be had."),
    ] = None,
    no_color: o.NoColour = False,
) -> int:
    """Print the file of the state, or that of an earlier serial."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    terminal.exact(looking.pull(workspace_of(terminal), serial).decode("utf-8", "surrogateescape"))
    return 0


@command.command()
def push(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A state; - is stdin.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also one that is older, edited, or another stack's.")
    ] = False,
    lock_timeout: o.LockTimeout = "0s",
    no_color: o.NoColour = False,
) -> int:
    """Put a state in the place of the present one.

    What was there before stays retrievable by its serial.
    """
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    wait = o.seconds_of(lock_timeout, "--lock-timeout")
    content = _content(file)
    state = changing.push(workspace_of(terminal), content, force=force, lock_timeout=wait)
    terminal.text(f"Pushed: {len(state.resources)} keys. State serial {state.serial}.\n")
    return 0


@command.command()
def history(ctx: typer.Context, json: o.JsonDocument = False, no_color: o.NoColour = False) -> int:
    """Show every run: what it was, who ran it, when, and how it ended."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    terminal.machine = Machine.DOCUMENT if json else terminal.machine
    runs = looking.history(workspace_of(terminal))
    if json:
        terminal.document(history_document(runs))
    else:
        terminal.text(history_text(runs))
    return 0


@command.command()
def verify(ctx: typer.Context, json: o.JsonDocument = False, no_color: o.NoColour = False) -> int:
    """Check the state, its kept versions and its journals.

    Exits with 1 if something is wrong.
    """
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    terminal.machine = Machine.DOCUMENT if json else terminal.machine
    workspace = workspace_of(terminal)
    problems = looking.check_state(workspace)
    if json:
        terminal.document(problems_document(problems))
    else:
        terminal.text(problems_text(problems, store=workspace.store.describe()))
    return 1 if any(item.matters for item in problems) else 0


@command.command()
def unlock(
    ctx: typer.Context,
    lease_id: Annotated[str, typer.Argument(metavar="ID", help="As the refusal named it.")],
    auto_approve: o.AutoApprove = False,
    no_input: o.NoInput = False,
    no_color: o.NoColour = False,
) -> int:
    """Take the lock away from a run that is gone. If it is not, it cannot write any more."""
    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    terminal.asking = not no_input
    workspace = workspace_of(terminal)
    held = changing.lock_holder(workspace)
    if held is not None and held.id == lease_id:
        what = (
            f"{held.holder} holds the lock for `{held.operation}` since"
            f" {held.created_at:%Y-%m-%d %H:%M} UTC. If that run still goes on, it stops in the"
            " middle."
        )
        ask(terminal, what, verb="state unlock", auto_approve=auto_approve)
    changing.unlock(workspace, lease_id)
    terminal.text("Unlocked. If a run was stopped in the middle: keyplan resume\n")
    return 0


@command.command()
def rekey(
    ctx: typer.Context,
    passphrase_env: Annotated[
        str, typer.Option("--passphrase-env", metavar="NAME", help="The variable that holds it.")
    ] = "",
    passphrase_file: Annotated[
        str, typer.Option("--passphrase-file", metavar="FILE", help="The file that holds it.")
    ] = "",
    key_file: Annotated[
        str, typer.Option("--key-file", metavar="FILE", help="A file of 32 random bytes.")
    ] = "",
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Seal a state that is not sealed yet.")
    ] = False,
    unsealed: Annotated[
        bool, typer.Option("--unsealed", help="Go back to a state that is not sealed.")
    ] = False,
    lock_timeout: o.LockTimeout = "0s",
    no_color: o.NoColour = False,
) -> int:
    """Seal a sealed state with another secret, a plain one for the first time, or unseal it.

    The configuration names the present secret meanwhile, and the new one from then on.
    """
    from keyplan.app import rekey as use_case  # noqa: PLC0415  (pydantic and cryptography)

    terminal = terminal_of(ctx)
    terminal.coloured = not no_color
    wait = o.seconds_of(lock_timeout, "--lock-timeout")
    if sum(map(bool, (passphrase_env, passphrase_file, key_file, sealed, unsealed))) != 1:
        raise UsageError(
            "state rekey needs exactly one new secret",
            advice="Name it with --passphrase-env, --passphrase-file or --key-file, or write"
            " --sealed or --unsealed.",
        )
    workspace = workspace_of(terminal)
    if sealed:
        use_case.seal(workspace, lock_timeout=wait)
        terminal.text("The state is sealed. What the store keeps from before is still plain.\n")
        return 0
    if unsealed:
        use_case.unseal(workspace, lock_timeout=wait)
        terminal.text("The state is not sealed any more. Take `sealed` out of keyplan.state.\n")
        return 0
    use_case.rekey(
        workspace,
        use_case.settings_of(passphrase_env, passphrase_file, key_file),
        lock_timeout=wait,
    )
    terminal.text("Sealed anew. Name the new secret in keyplan.state.sealed.\n")
    return 0


def _content(file: Path) -> bytes:
    try:
        with (Path("/dev/stdin") if str(file) == "-" else file).open("rb") as opened:
            content = opened.read(changing.LARGEST + 1)
    except OSError as error:
        raise KeyplanError(
            f"the file cannot be read: {error.strerror}",
            target=str(file),
            advice="Name a file that keyplan state pull wrote.",
        ) from None
    if len(content) > changing.LARGEST:
        raise KeyplanError("the file is too large for a state", advice="Check which file it is.")
    return content
