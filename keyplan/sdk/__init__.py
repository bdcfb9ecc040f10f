"""What authors of providers and stores implement. Nothing else of keyplan is needed.

`keyplan.testing` holds the contract suites that prove an implementation.
"""
