"""A support assistant of an invented shop, to see convotrace with: its parts, its web app, its conversations.

Runs on the core dependencies alone. Nothing in the other rooms knows it.
"""
