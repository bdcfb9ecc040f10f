"""`keyplan hsm`: the emulator's own tools, and its data plane for people and scripts.

Rules: nothing but typer is imported before a command runs; input comes from a file or
stdin, never from arguments; results go to stdout as base64, or as octets with `--raw`.
"""

# ruff: noqa: PLC0415  (imported by `keyplan --help`: each command imports what it needs)

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="hsm",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The local HSM emulator: real cryptography in one file, not hardware.",
)

Store = Annotated[Path, typer.Option("--store", metavar="FILE", help="The HSM's store.")]
PinEnv = Annotated[
    str, typer.Option("--pin-env", metavar="NAME", help="Environment variable with the PIN.")
]
PinFile = Annotated[Path | None, typer.Option("--pin-file", help="File with the PIN.")]
Identity = Annotated[
    str, typer.Option("--as", metavar="IDENTITY", help="Who calls; default: security officer.")
]
Context = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="NAME=VALUE", help="Encryption context; repeatable."),
]
Input = Annotated[Path | None, typer.Option("--in", metavar="FILE", help="Default: stdin.")]
Raw = Annotated[bool, typer.Option("--raw", help="Write octets, not base64.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="Id or alias.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]

DEFAULT = Path(".keyplan/hsm.db")


@app.command("init")
def initialise(store: Store = DEFAULT, pin_env: PinEnv = "", pin_file: PinFile = None) -> None:
    """Make an empty HSM, sealed under a PIN or by an unlock file. `keyplan apply` does it too."""
    from keyplan_hsm import console

    typer.echo(console.initialise(console.Where(store, pin_env, pin_file)))


@app.command()
def status(store: Store = DEFAULT, json: Json = False) -> None:
    """Show what the HSM is and holds. Needs no PIN."""
    from keyplan_hsm import inspection

    typer.echo(inspection.status(store, as_json=json))


@app.command()
def keys(store: Store = DEFAULT, json: Json = False) -> None:
    """List keys with state, version and aliases. Needs no PIN."""
    from keyplan_hsm import inspection

    typer.echo(inspection.keys(store, as_json=json))


@app.command()
def audit(
    store: Store = DEFAULT,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the whole chain; exit 1 if it is broken.")
    ] = False,
    last: Annotated[int, typer.Option("--last", help="How many records to show.", min=1)] = 20,
    json: Json = False,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Show the audit records, or check that none was changed, removed or cut off."""
    from keyplan_hsm import inspection
    from keyplan_hsm.console import Where

    if not verify:
        typer.echo(inspection.audit(store, last, as_json=json))
        return
    text, intact = inspection.verify(Where(store, pin_env, pin_file), as_json=json)
    typer.echo(text)
    if not intact:
        raise typer.Exit(1)


@app.command()
def encrypt(
    key: Key,
    input: Input = None,
    context: Context = None,
    identity: Identity = "",
    raw: Raw = False,
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Encrypt octets under a key."""
    from keyplan_hsm.console import Where, data_plane, pairs, read, write

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        write(plane.encrypt(key, read(input), pairs(context)), raw=raw)


@app.command()
def decrypt(
    key: Key,
    input: Input = None,
    context: Context = None,
    identity: Identity = "",
    raw: Raw = False,
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Decrypt what `encrypt` printed; the context must be the same."""
    from keyplan_hsm.console import Where, data_plane, pairs, read_base64, write

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        write(plane.decrypt(key, read_base64(input), pairs(context)), raw=raw)


@app.command()
def sign(
    key: Key,
    input: Input = None,
    context: Context = None,
    identity: Identity = "",
    raw: Raw = False,
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Sign a message."""
    from keyplan_hsm.console import Where, data_plane, pairs, read, write

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        write(plane.sign(key, read(input), pairs(context)), raw=raw)


@app.command()
def verify(
    key: Key,
    signature: Annotated[Path, typer.Option("--signature", help="File with it, in base64.")],
    input: Input = None,
    context: Context = None,
    identity: Identity = "",
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Check a signature of a message; exit 1 if it is not valid."""
    from keyplan_hsm.console import Where, data_plane, pairs, read, read_base64, say_valid

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        made = read_base64(signature)
        say_valid(valid=plane.verify(key, read(input), made, pairs(context)))


@app.command()
def mac(
    key: Key,
    input: Input = None,
    context: Context = None,
    identity: Identity = "",
    raw: Raw = False,
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Make a message authentication code."""
    from keyplan_hsm.console import Where, data_plane, pairs, read, write

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        write(plane.mac(key, read(input), pairs(context)), raw=raw)


@app.command("verify-mac")
def verify_mac(
    key: Key,
    mac: Annotated[Path, typer.Option("--mac", help="File with it, in base64.")],
    input: Input = None,
    context: Context = None,
    identity: Identity = "",
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Check a message authentication code; exit 1 if it is not valid."""
    from keyplan_hsm.console import Where, data_plane, pairs, read, read_base64, say_valid

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        made = read_base64(mac)
        say_valid(valid=plane.verify_mac(key, read(input), made, pairs(context)))


@app.command()
def wrap(
    key: Key,
    input: Input = None,
    context: Context = None,
    identity: Identity = "",
    raw: Raw = False,
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Wrap a key of your own."""
    from keyplan_hsm.console import Where, data_plane, pairs, read, write

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        write(plane.wrap(key, read(input), pairs(context)), raw=raw)


@app.command()
def unwrap(
    key: Key,
    input: Input = None,
    context: Context = None,
    identity: Identity = "",
    raw: Raw = False,
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Unwrap what `wrap` or `derive` printed; keys of the HSM itself never leave in clear."""
    from keyplan_hsm.console import Where, data_plane, pairs, read_base64, write

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        write(plane.unwrap(key, read_base64(input), pairs(context)), raw=raw)


@app.command()
def derive(
    key: Key,
    under: Annotated[str, typer.Option("--under", metavar="KEY", help="Wrapping key.")],
    label: Annotated[str, typer.Option("--label", help="What the derived key is for.")] = "",
    length: Annotated[int, typer.Option("--length", help="Octets.", min=1)] = 32,
    version: Annotated[
        int | None, typer.Option("--key-version", help="Default: the current one.")
    ] = None,
    context: Context = None,
    identity: Identity = "",
    raw: Raw = False,
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Derive a key from label and context; it leaves wrapped under another key."""
    from keyplan_hsm.console import Where, data_plane, pairs, write

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        derived = plane.derive(
            key, under=under, label=label, context=pairs(context), length=length, version=version
        )
        write(derived, raw=raw)


@app.command()
def export(
    key: Key,
    recipient: Annotated[Path, typer.Option("--recipient", help="RSA public key, PEM.")],
    context: Context = None,
    identity: Identity = "",
    raw: Raw = False,
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Wrap an exportable key for a recipient outside (CKM_RSA_AES_KEY_WRAP)."""
    from keyplan_hsm.console import Where, data_plane, pairs, read, write

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        write(plane.export(key, read(recipient), pairs(context)), raw=raw)


@app.command("public-key")
def public_key(
    key: Key,
    certificate: Annotated[
        bool, typer.Option("--certificate", help="Its certificate instead.")
    ] = False,
    identity: Identity = "",
    store: Store = DEFAULT,
    pin_env: PinEnv = "",
    pin_file: PinFile = None,
) -> None:
    """Print a key pair's public key, or its certificate, in PEM."""
    from keyplan_hsm.console import Where, data_plane

    with data_plane(Where(store, pin_env, pin_file), identity) as plane:
        pem = plane.certificate(key) if certificate else plane.public_key(key)
        typer.echo(pem, nl=False)
