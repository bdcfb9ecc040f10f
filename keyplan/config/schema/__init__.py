"""The language as JSON Schema 2020-12, made from the table that decodes it.

Order: `scalars` (what one scalar may look like in YAML), `shapes` (fields, records and
tables), `settings` (what the models of providers and stores accept), `document` (the
whole).
"""
