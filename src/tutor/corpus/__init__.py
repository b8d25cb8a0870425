"""From files to sections, chunks and sentences, each with its character span.

Does not know what an embedding, an index or a question is.
"""
