"""Looking at a state, its history and its soundness, and editing it: `keyplan state`.

Rules: looking needs no lease and works on a damaged state as far as it can; every edit
is a run of its own, journalled and committed like any other.
"""
