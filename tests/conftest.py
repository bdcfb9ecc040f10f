"""Profiles of the property tests: a short one for every run, a long one for soaks.

HYPOTHESIS_PROFILE=soak make test
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

_CALM = [HealthCheck.too_slow]

settings.register_profile("short", max_examples=25, deadline=None, suppress_health_check=_CALM)
settings.register_profile("soak", max_examples=1000, deadline=None, suppress_health_check=_CALM)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))
