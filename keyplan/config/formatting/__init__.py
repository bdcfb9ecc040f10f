"""The canonical layout of a file: what `keyplan fmt` writes.

Order: `nodes` and `concrete` (the text as nodes that still know how they were written),
`scalars` (what one scalar looks like), `printer` (nodes to lines), `lines` (lines to
text), `layout` (the whole, and the proof that the meaning stayed).
"""
