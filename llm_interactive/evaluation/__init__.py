"""How good predictions are: versions against annotations, and against each other.

Needs the extra `evaluation`; the server never imports this package.
"""
