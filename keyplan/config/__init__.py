"""From files to a decoded configuration, with a position for everything a person wrote.

Stages: `source` (files) → `tree` (nodes with positions) → `expressions` (templates and
references, evaluated on demand) → blocks. Each collects diagnostics, so that one run
reports all mistakes.
"""
