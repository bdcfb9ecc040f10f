"""Presentation: pure functions from plans, reports, states and errors to text and JSON.

Rules: nothing here reads a clock, a file or the environment, and nothing sees
configuration. Text is plain ASCII of at most 80 columns; colour is added afterwards and
only repeats words (`keyplan.render.colour`).
"""
