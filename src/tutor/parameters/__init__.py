"""Learned numbers as data: one JSON file for each fitted decision, with what it was fitted on.

`training/` writes the files; `store.load` reads one. Does not know what a decision is for.
"""
