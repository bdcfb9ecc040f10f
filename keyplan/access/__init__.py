"""Who may do what: atoms, three-valued combination, explanation, set-based delta.

Providers supply the atoms of their own policies; combining them is done here, once.
"""
