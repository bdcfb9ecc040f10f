"""Which PostgreSQL an address names, how it is verified, and what is no address at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from keyplan.errors import StoreError
from keyplan_state.postgres_target import resolve
from tests.unit.state.postgres_stores import postgres_settings, postgres_store


@pytest.mark.parametrize(
    "url",
    [
        "host=db.example password='hunter2 broken",
        "postgresql://u:hunter2@h:port/x?nonsense=hunter2",
    ],
)
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises(StoreError, match="cannot be understood") as caught:
        postgres_store(url)
    assert "hunter2" not in repr(caught.value.__dict__)


def test_an_address_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="URL is not set"):
        resolve(postgres_settings(), tmp_path, {})
    with pytest.raises(StoreError, match="cannot be read"):
        resolve(postgres_settings(url={"file": "url.txt"}), tmp_path, {})
    (tmp_path / "url.txt").write_text("postgresql://127.0.0.1/x\n")
    target = resolve(postgres_settings(url={"file": "url.txt"}), tmp_path, {})
    assert target.parameters["host"] == "127.0.0.1"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_a_remote_server_must_be_verified(mode: str) -> None:
    with pytest.raises(StoreError, match=f"sslmode={mode}"):
        postgres_store(f"postgresql://u:p@db.example/x?sslmode={mode}")


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://u:p@db.example/x", "verify-full"),
        ("postgresql://u:p@db.example/x?sslmode=verify-full", "verify-full"),
        ("host=localhost hostaddr=192.0.2.1 dbname=x", "verify-full"),
        ("postgresql://127.0.0.1,db.example/x", "verify-full"),
        ("service=production", "verify-full"),
        ("postgresql://[::1]/x", None),
        ("postgresql://127.0.0.1:5432/x", None),
        ("postgresql:///x", None),
        ("host=/run/postgresql dbname=x", None),
    ],
)
def test_what_is_remote(url: str, mode: str | None) -> None:
    target = resolve(postgres_settings(), Path(), {"URL": url})
    assert target.parameters.get("sslmode") == mode
    assert "192.0.2.1" not in repr(target)


def test_the_environment_of_libpq_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.setenv("PGSSLMODE", "require")
    with pytest.raises(StoreError, match="sslmode=require"):
        postgres_store("postgresql:///x")


@pytest.mark.parametrize(
    "extra",
    [{"schema": "pg_catalog"}, {"schema": 'a"b'}, {"stack": ""}, {"stack": "a b"}, {"url": {}},
     {"url": {"env": "A", "file": "b"}}, {"url": "postgresql://u:p@h/x"}],
)  # fmt: skip
def test_settings_that_are_none(extra: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        postgres_settings(**extra)


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match="psycopg") as caught:
        postgres_store("postgresql:///x")
    assert "keyplan[postgres]" in caught.value.advice


def test_importing_the_store_imports_no_driver() -> None:
    code = "import sys, keyplan_state.postgres; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
