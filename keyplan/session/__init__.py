"""The guarded half of a provider: finding it, opening it, and being its only caller."""
