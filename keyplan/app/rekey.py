"""Sealing a plain state, changing what opens a sealed one, and going back to plain.

All need the lease and the present secret, and are crash-safe: see
`keyplan.session.rekeying`. Afterwards `keyplan.state.sealed` must name the new secret, or
be removed; nobody but the user edits it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyplan.app.apply import holder
from keyplan.app.workspace import Workspace
from keyplan.applying.leasing import leased
from keyplan.errors import StateError

if TYPE_CHECKING:
    from keyplan.session.sealed import SealedStore
    from keyplan.session.sealed_settings import SealedSettings


def rekey(workspace: Workspace, new: SealedSettings, *, lock_timeout: float = 0.0) -> None:
    """Lock the state with another passphrase or key file; raises and changes nothing, or does it.

    The new secret is read first: one that is missing or too short stops it at the start.
    """
    from keyplan.session import rekeying, sealed_settings  # noqa: PLC0415  (cryptography)

    store = _sealed(workspace)
    opener = sealed_settings.opener(new, workspace.root, workspace.environment)
    with leased(
        store, holder=holder(), operation="state rekey", timeout=lock_timeout, clock=workspace.clock
    ) as lease:
        rekeying.rekey_store(store, opener, lease=lease)


def seal(workspace: Workspace, *, lock_timeout: float = 0.0) -> None:
    """Seal a plain state with the secret that `sealed` names, on a person's word that it is theirs.

    Raises `StateError` if this machine has seen it sealed before.
    """
    from keyplan.session import rekeying  # noqa: PLC0415  (cryptography)

    store = _sealed(workspace)
    with leased(
        store, holder=holder(), operation="state rekey", timeout=lock_timeout, clock=workspace.clock
    ) as lease:
        rekeying.seal_store(store, lease=lease)


def settings_of(passphrase_env: str, passphrase_file: str, key_file: str) -> SealedSettings:
    """The new secret, of which exactly one is named."""
    from keyplan.session.sealed_settings import Passphrase, SealedSettings  # noqa: PLC0415

    if key_file:
        return SealedSettings(key_file=key_file)
    return SealedSettings(passphrase=Passphrase(env=passphrase_env, file=passphrase_file))


def unseal(workspace: Workspace, *, lock_timeout: float = 0.0) -> None:
    """Commit the state in the clear: then `sealed` can be taken out of the configuration."""
    from keyplan.session import rekeying  # noqa: PLC0415  (cryptography)

    store = _sealed(workspace)
    with leased(
        store, holder=holder(), operation="state rekey", timeout=lock_timeout, clock=workspace.clock
    ) as lease:
        rekeying.unseal_store(store, lease=lease)


def _sealed(workspace: Workspace) -> SealedStore:
    from keyplan.session.sealed import SealedStore  # noqa: PLC0415  (cryptography)

    store = workspace.store
    if not isinstance(store, SealedStore):
        raise StateError(
            "the state is not sealed",
            target=store.describe(),
            why="`keyplan.state` has no `sealed`.",
            advice="Write sealed: {passphrase: {env: NAME}} beside the store, then seal what is"
            " there: keyplan state rekey --sealed",
        )
    return store
