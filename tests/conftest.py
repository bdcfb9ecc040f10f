"""Profiles of the property tests.

`short`, for every run, draws the same examples each time: a check of a commit that fails by
chance blames the wrong commit. `soak` draws many new ones: HYPOTHESIS_PROFILE=soak make test
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.support.postgres import (  # noqa: F401  (fixtures)
    postgres,
    postgres_database,
    postgres_url,
)
from tests.support.s3_fixtures import s3_place, s3_server, s3_session  # noqa: F401  (fixtures)

_COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("short", _COMMON, max_examples=25, derandomize=True)
settings.register_profile("soak", _COMMON, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))
