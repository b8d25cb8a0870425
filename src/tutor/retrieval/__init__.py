"""From chunks to an index, and from a question to ranked sections.

Does not know how an answer is made.
"""
