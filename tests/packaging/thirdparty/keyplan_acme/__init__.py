"""A keyplan provider for Acme's vault."""
