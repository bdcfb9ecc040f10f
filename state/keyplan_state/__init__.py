"""Stores for keyplan's state. `local` keeps it in files beside the stack."""
