"""What a provider promised, checked on what it answers.

Rules: a broken promise is a `ProviderDefectError`, a bug in the provider and not in
the user's stack; its text names the promise and never quotes what was answered,
because that could hold a secret.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from keyplan.errors import ProviderDefectError
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation
from keyplan.sdk.provider import Outcome, Plugin

_STATES = frozenset(state.value for state in KeyState)


def defect(provider: str, operation: str, promise: str) -> ProviderDefectError:
    """The error for a broken promise; `promise` says what should have been."""
    return ProviderDefectError(
        f"the provider {provider} broke its contract in {operation}: {promise}",
        operation=operation,
        advice="This is a bug in the provider. Report it to its authors.",
    )


def check_observation(observation: object, provider: str, operation: str) -> Observation:
    """An observation that has an id and a state."""
    if not isinstance(observation, Observation):
        raise defect(provider, operation, "it must answer with observations")
    if not observation.id:
        raise defect(provider, operation, "an observation must have an id")
    if observation.attributes.get("state") not in _STATES:
        raise defect(provider, operation, "an observation must have a state of SP 800-57")
    return observation


def check_reading(
    found: Mapping[str, Observation], asked: Collection[str], plugin: Plugin
) -> Mapping[str, Observation]:
    """What `read` answered: only what was asked for, whole, and canonical.

    That the answer is canonical is checked on one key of each batch: a plugin spells
    either all of them its way or none, and a plan must not pay for proving it 10,000
    times.
    """
    wanted = frozenset(asked)
    for key_id, observation in found.items():
        check_observation(observation, plugin.name, "read")
        if key_id not in wanted or not _is_called(key_id, observation):
            raise defect(
                plugin.name, "read", "it must answer for the ids it was asked, and no other"
            )
    sample = next(iter(found.values()), None)
    if sample is not None and dict(plugin.canonical(sample.attributes)) != dict(sample.attributes):
        raise defect(plugin.name, "read", "attributes must be canonical, and canonical idempotent")
    return found


def _is_called(name: str, observation: Observation) -> bool:
    """Whether it is the key's id, or another name that the observation itself confirms."""
    if name == observation.id:
        return True
    attributes = observation.attributes
    aliases = attributes.get("aliases")
    others = [attributes.get("arn"), attributes.get("key_id")]
    others += aliases if isinstance(aliases, list) else []
    return any(name == other or name.endswith(f"/{other}") for other in others if other)


def check_outcome(outcome: object, provider: str, operation: str) -> Outcome:
    """What `execute` answered: an id, and an observation of that key if there is one."""
    if not isinstance(outcome, Outcome) or not outcome.id:
        raise defect(provider, operation, "it must answer with the id of the key")
    if outcome.observation is not None:
        check_observation(outcome.observation, provider, operation)
        if outcome.observation.id != outcome.id:
            raise defect(provider, operation, "the observation must be of the key it names")
    return outcome
