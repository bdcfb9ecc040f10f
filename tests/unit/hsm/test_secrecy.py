"""No key material outside of the HSM's memory: a canary that nothing may ever show."""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import asdict
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyplan.errors import KeyplanError
from keyplan.model.keys import Algorithm
from keyplan.model.operations import CreateAlias, RotateKey
from keyplan_hsm import control
from keyplan_hsm.audit import records
from tests.unit.hsm.bench import APP, Bench, key, policy

CANARY = b"canary-material-0123456789abcdef"
PIN = "canary-pin-correct-horse"
DATA = b"canary-plaintext-of-an-application"


def spellings(secret: bytes) -> list[bytes]:
    encoded = base64.b64encode(secret).rstrip(b"=")[:-1]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), encoded]


@pytest.fixture
def canary(hsm: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """An HSM under a PIN, all of whose symmetric keys are the canary."""
    real = control.generate

    def known(algorithm: Algorithm) -> bytes:
        return CANARY if algorithm.symmetric else real(algorithm)

    monkeypatch.setattr(control, "generate", known)
    monkeypatch.setenv("KEYPLAN_TEST_PIN", PIN)
    hsm.settings = {"pin": {"env": "KEYPLAN_TEST_PIN"}}
    hsm.provider = hsm.open()
    return hsm


def live(hsm: Bench) -> list[str]:
    """Make keys, use them rightly and wrongly; every text that came out of it."""
    texts: list[str] = []
    document = policy({"operations": ["encrypt", "decrypt", "generate_mac", "wrap", "unwrap"]})
    hsm.create("top", "wrap")
    for name, usage, algorithm in (
        ("data", "encrypt", "aes-256"),
        ("mac", "mac", "hmac-sha256"),
        ("wrapper", "wrap", "aes-256"),
    ):
        hsm.create(name, usage, algorithm, parent="top", policy=document)
        hsm.do(CreateAlias(key(name), name))
        hsm.do(RotateKey(key(name), 2))
    hsm.do(RotateKey(key("top"), 2))
    plane = hsm.plane(APP)
    sealed = plane.encrypt("data", DATA, {"tenant": "acme"})
    assert plane.decrypt("data", sealed, {"tenant": "acme"}) == DATA
    plane.mac("mac", DATA)
    wrapped = plane.wrap("wrapper", DATA)
    for wrong in (
        lambda: plane.decrypt("data", sealed),
        lambda: plane.unwrap("wrapper", wrapped + b"x"),
        lambda: plane.sign("data", DATA),
        lambda: plane.export("data", DATA),
        lambda: hsm.plane().encrypt("data", DATA),
        lambda: hsm.create("odd", policy={"statements": [{"sid": "A"}]}),
    ):
        with pytest.raises(KeyplanError) as raised:
            wrong()
        error = raised.value
        texts += [str(error), repr(error), json.dumps([error.what, error.why, error.advice])]
    for observation in hsm.provider.scan().observations:
        texts.append(repr(observation))
    with hsm.device.reading() as rows:
        assert rows is not None
        texts += [json.dumps(asdict(record)) for record in records(rows.connection)]
    texts += [repr(hsm.device.unlock()), repr(hsm.provider.identify())]
    texts.append(repr(hsm.device._unlocker))
    return texts


def test_neither_files_nor_texts_show_material_pin_or_data(
    canary: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    texts = live(canary)
    files = [path.read_bytes() for path in canary.folder.rglob("*") if path.is_file()]
    assert len(files) >= 2  # the store and its write-ahead log
    canary.close()
    files += [path.read_bytes() for path in canary.folder.rglob("*") if path.is_file()]
    everything = b"\n".join([*files, *(text.encode() for text in texts), caplog.text.encode()])
    for secret in (CANARY, PIN.encode(), DATA):
        for spelling in spellings(secret):
            assert spelling not in everything


def test_the_scan_would_find_a_canary_that_got_out(canary: Bench) -> None:
    canary.create("data", description=CANARY.decode())
    assert any(CANARY in path.read_bytes() for path in canary.store.parent.iterdir())


def test_what_is_exported_is_not_in_clear(canary: Bench) -> None:
    recipient = rsa.generate_private_key(65537, 3072).public_key()
    pem = recipient.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    data = canary.create("data", exportable=True)
    assert CANARY not in canary.plane().export(data, pem)


def test_a_derived_key_leaves_wrapped(canary: Bench) -> None:
    canary.create("base", "derive", "hmac-sha256")
    canary.create("wrapper", "wrap")
    base, wrapper = (canary.bind[key(name)] for name in ("base", "wrapper"))
    blob = canary.plane().derive(base, under=wrapper)
    derived = canary.plane().unwrap(wrapper, blob)
    assert derived not in blob


def test_destroyed_material_is_overwritten_in_the_file(hsm: Bench) -> None:
    data = hsm.create("data")
    with hsm.device.reading() as rows:
        assert rows is not None
        row: Any = rows.material(data, 1)
    hsm.close()
    assert row.wrapped in hsm.store.read_bytes()
    hsm.later(minutes=1)
    hsm.become("data", "pending")
    hsm.later(days=31)
    hsm.create("another")
    hsm.close()
    assert row.wrapped not in hsm.store.read_bytes()
