"""The vocabulary: frozen values, no I/O, no third-party imports.

Words follow NIST SP 800-57 Part 1 rev. 5 (key states, usages, cryptoperiods) and
KMIP where NIST has none; Terraform's words are used for what Terraform users know.
"""
