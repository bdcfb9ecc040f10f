"""The secrets of a sealed store: which are refused, and that none of them is shown."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from keyplan.errors import StoreError
from keyplan.model.secrets import SecretReference
from keyplan.state.unlocking import Opener
from keyplan.testing.memory_store import Medium
from tests.unit.session.sealing import commit, filled, key_file, reads_all, state


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_file_that_others_can_use_is_refused(tmp_path: Path, opened, mode: int) -> None:
    opener = key_file(tmp_path)
    (tmp_path / "state.key").chmod(mode)
    with pytest.raises(StoreError, match=f"mode 0{mode:o}"):
        commit(opened(opener), state(1))


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33, b"0" * 64])
def test_a_key_file_of_another_size_is_refused(tmp_path: Path, opened, content: bytes) -> None:
    opener = key_file(tmp_path)
    (tmp_path / "state.key").write_bytes(content)
    with pytest.raises(StoreError, match="exactly 32 bytes"):
        commit(opened(opener), state(1))


def test_a_secret_that_is_nowhere_is_named(tmp_path: Path, opened) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        commit(opened(Opener(key_file=tmp_path / "nowhere")), state(1))
    with pytest.raises(StoreError, match="NOT_SET_HERE"):
        Opener(SecretReference(env="NOT_SET_HERE")).new(bytes(16))


def test_a_passphrase_is_derived_once(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    from keyplan.state import unlocking  # noqa: PLC0415

    real = unlocking._derive
    monkeypatch.setattr(unlocking, "_derive", lambda *a: calls.append(1) or real(*a))
    store = opened(Opener(SecretReference(env="P"), environment={"P": "a long passphrase"}))
    filled(store)
    reads_all(store)
    assert len(calls) == 1


def test_two_stores_unlock_at_once(medium: Medium) -> None:
    """OpenSSL's Argon2 waits for ever if two calls share its threads."""
    secrets = [
        Opener(SecretReference(env="P"), environment={"P": f"a long passphrase {number}"})
        for number in range(4)
    ]
    threads = [threading.Thread(target=secret.new, args=(bytes(16),)) for secret in secrets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_where_the_library_lacks_argon2_scrypt_is_used(
    opened, medium: Medium, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

    from keyplan.state import unlocking  # noqa: PLC0415

    def missing(*args: object, **kwargs: object) -> None:
        raise UnsupportedAlgorithm("no Argon2 here")

    monkeypatch.setattr(unlocking, "Argon2id", missing)
    secret = Opener(SecretReference(env="P"), environment={"P": "a long passphrase"})
    commit(opened(secret), state(1))
    assert b'"scrypt"' in medium.logs["keyring-0001"]
    assert opened(replace(secret, _derived={})).load() is not None


def test_no_secret_is_in_what_is_printed(tmp_path: Path, opened) -> None:
    secret = Opener(SecretReference(env="P"), environment={"P": "a long passphrase"})
    store = opened(secret)
    commit(store, state(1))
    shown = repr(secret) + str(secret) + repr(store.ring())
    assert "a long passphrase" not in shown
    assert store.ring().root.hex() not in shown
    assert repr(store.ring().root) not in shown
