"""Use cases, one module each: the only place where contracts meet adapters.

Rules: nothing here prints, asks or exits; each function returns a result object or
raises an error of `keyplan.errors`. Time, environment and installed plugins come with
the `Workspace`.
"""
