"""`keyplan mock`: AWS on this machine, to try things out without an account.

Rules: nothing but typer is imported before a command runs; moto does the work, and only
this command needs it.
"""

# ruff: noqa: PLC0415  (imported by `keyplan --help`: each command imports what it needs)

from __future__ import annotations

from typing import Annotated

import typer

from keyplan.errors import UsageError

app = typer.Typer(
    name="mock",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Services on this machine, to try keyplan without an account.",
)

PORT = 5111
"""Where it listens unless told otherwise."""

Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, metavar="N", help="0 takes a free port.")
]


@app.callback()
def _group() -> None:
    """Keep `aws` a command of its own while it is the only one."""


@app.command("aws")
def aws(port: Port = PORT) -> None:
    """Serve moto's KMS, STS, IAM, S3 and tagging on 127.0.0.1 until Ctrl-C. Keeps nothing.

    What to set to use it goes to stdout, as lines for a shell.
    """
    try:
        from keyplan_aws.mock_server import MockServer
    except ImportError as error:
        raise UsageError(
            f"moto is not here, or not all of it: {error.name} is missing",
            advice="pip install 'keyplan[mock]'",
        ) from error
    server = MockServer(port)

    def announce() -> None:
        typer.echo(f"AWS for trying out: {server.url}\nCtrl-C ends it; it keeps nothing.", err=True)
        typer.echo(server.environment())

    server.serve(announce)
