"""Running a plan so that it can stop anywhere and still be finished or undone.

A reader starts at `apply.apply_plan`; `scheduler` is the loop, `executor` one step,
`recovery` what happens after a crash.
"""
