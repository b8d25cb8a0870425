"""What the README promises about speed, measured: one file for each group of figures, each with its reference.

Does not know how the product reaches a figure: it uses what a reader or another program can use.
"""
