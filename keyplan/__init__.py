"""keyplan plans and applies key hierarchies and key policies.

Start reading at `keyplan.model.operations`, then `keyplan.plans.plan`,
`keyplan.sdk.provider`, `keyplan.planning.planner`, `keyplan.applying.executor`.
"""

from keyplan._version import __version__

__all__ = ["__version__"]
