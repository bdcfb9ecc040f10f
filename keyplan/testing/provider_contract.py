"""The contract of a provider, as tests that its author runs.

    from keyplan.testing.provider_contract import ProviderContract

    class TestAcme(ProviderContract):
        @pytest.fixture
        def plugin(self): return PLUGIN
        @pytest.fixture
        def settings(self, tmp_path): return AcmeSettings(path=tmp_path / "keys.json")
        @pytest.fixture
        def context(self, tmp_path): return OpenContext(stack=tmp_path, now=NOW)

Each must of `keyplan.sdk.provider` and `keyplan.sdk.capabilities` has a test here. What a
manifest does not offer is not asked for, except to see it refused. An emulator's known
shortcomings go into the fixture `laxities`, each with its reason: strict expected failures,
so that a mended emulator is noticed.
"""

from __future__ import annotations

from keyplan.testing.contract.discretion import DiscretionContract
from keyplan.testing.contract.existence import ExistenceContract
from keyplan.testing.contract.offline import OfflineContract
from keyplan.testing.contract.performing import PerformingContract
from keyplan.testing.contract.reading import ReadingContract
from keyplan.testing.contract.samples import Samples

__all__ = ["ProviderContract", "Samples"]


class ProviderContract(
    OfflineContract, ExistenceContract, ReadingContract, PerformingContract, DiscretionContract
):
    """Subclass it as `Test…`, and give the fixtures `plugin`, `settings` and `context`."""
