"""The expression engine: text in, closed set of nodes, bounded evaluation.

`templates` splits text and finds expressions; `references` reads the plain ones, which
are nearly all; `jinja` parses the others with Jinja2's parser and turns its nodes into
those of `reading` and `computing`, which are the whole language. `expressions`, one
level up, is the way in.
"""
