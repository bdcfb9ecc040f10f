"""The parts of `keyplan.testing.provider_contract`, one module per group of musts."""
