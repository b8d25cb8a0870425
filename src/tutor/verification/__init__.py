"""Does a passage say what a sentence claims? Signals computed in code, no chat model.

Does not know where the sentence comes from.
"""
