"""From a declared graph, a state and the world to a plan. Pure apart from `refresh`.

Stages, each a function over the result of the one before: `refresh` reads, `wanted`
says what each key should be, `drift` and `diff` compare three ways, `lower` turns
differences into operations, `order` numbers them, `planner` puts it together.
"""
