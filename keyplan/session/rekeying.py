"""A plain store sealed, another passphrase or key file for a sealed one, and back to plain.

Changing it takes three steps, each durable before the next: the next ring has the keys there
are and a new one, locked with the new secret; the state is sealed under the new key; rings
that other secrets open are emptied. Whenever it stops, the new secret opens everything from
the first step on, and the old one until the second; the next write with the new one finishes
it. The new key is never in a ring that the old secret opens: a store may keep what was
emptied. Earlier states and journals are not written again; their keys are in the new ring.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.errors import StoreError
from keyplan.sdk.store import Lease
from keyplan.session.sealed import SealedStore
from keyplan.state.keyring import Ring, relocked
from keyplan.state.sealing import is_sealed, seal_state
from keyplan.state.unlocking import Opener


def seal_store(store: SealedStore, *, lease: Lease) -> None:
    """Take what is there in the clear for ours, and seal the state.

    Its journals and earlier states stay as they are, known by their digests. What was sealed
    before as far as this machine knows is refused: then somebody put a plain state there.
    """
    ring = store.ring()
    if ring is None and store.marks.is_known:
        store.load()
    if ring is None or ring.retired:
        store.rings.make(store.opener, ring, store.rings.inventory(), lease=lease)
        store.ring()
    present, content = store.inner.load(), store.load()
    if content is not None and present is not None and not is_sealed(present.content):
        store.commit(content.content, expected=content.version, lease=lease)


def rekey_store(store: SealedStore, new: Opener, *, lease: Lease) -> None:
    """Lock with `new` what the store's own secret opens now."""
    ring = _opened(store)
    content = store.load()
    number = max(store.rings.numbers()) + 1
    following = relocked(replace(ring.with_new_root(), retired=False), new, number)
    store.rings.write(following, new, lease=lease)
    if content is not None:
        sealed = seal_state(content.content, following.current, following.root)
        store.inner.commit(sealed, expected=content.version, lease=lease)
    store.rings.drop_others(following, lease=lease)


def unseal_store(store: SealedStore, *, lease: Lease) -> None:
    """Commit the state in the clear. Earlier states and closed journals stay sealed."""
    ring = _opened(store)
    content = store.load()
    if not ring.retired:
        store.rings.write(replace(ring, retired=True), store.opener, lease=lease)
    present = store.inner.load()
    if content is not None and present is not None and is_sealed(present.content):
        store.inner.commit(content.content, expected=content.version, lease=lease)


def _opened(store: SealedStore) -> Ring:
    ring = store.ring()
    if ring is None:
        raise StoreError(
            "nothing in the store is sealed yet",
            target=store.inner.describe(),
            advice="Change the passphrase or the key file in the configuration; then seal what is"
            " there: keyplan state rekey --sealed",
        )
    return ring
