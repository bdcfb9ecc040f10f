"""Key policies of AWS KMS: compiled, compared, read for access, and checked before they are set.

`document` is the text, `canonical` the one spelling in which policies are compared and
stored, `compiling` the way from the language, `access` the way to atoms, `preflight` what
AWS or a reviewer would object to.
"""
