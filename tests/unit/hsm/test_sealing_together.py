"""Several stores are sealed and opened at once, as in a stack with two HSM instances."""

from __future__ import annotations

import subprocess
import sys

TOGETHER = """
from concurrent.futures import ThreadPoolExecutor

from keyplan.model.secrets import Secret
from keyplan_hsm.sealing import seal, unseal


def once(number: int) -> None:
    lock, _keys = seal(Secret(b"123456"), "pin")
    unseal(lock, Secret(b"123456"))


with ThreadPoolExecutor(4) as pool:
    list(pool.map(once, range(4)))
"""


def test_stores_that_are_opened_at_once_do_not_wait_for_each_other() -> None:
    # In a process of its own: threads that hang inside a library cannot be ended.
    subprocess.run([sys.executable, "-c", TOGETHER], check=True, timeout=60)
