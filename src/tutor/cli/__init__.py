"""The command line: one file per verb, each renders what the core yields.

Does not know how anything is computed. Importing it loads neither torch nor gradio nor chromadb.
"""
