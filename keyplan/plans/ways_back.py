"""The way back from an operation on a provider, by what the provider can do."""

from __future__ import annotations

from keyplan.model.inverses import Inverse, inverse_of
from keyplan.model.operations import Operation
from keyplan.sdk.capabilities import Capabilities, Mutability


def way_back(operation: Operation, capabilities: Capabilities) -> Inverse:
    """The inverse; none for attributes that the provider never takes back."""
    one_way = {
        name
        for name, facts in capabilities.attributes.items()
        if facts.mutability is Mutability.ONE_WAY
    }
    return inverse_of(operation, supported=capabilities.operations, one_way=one_way)
