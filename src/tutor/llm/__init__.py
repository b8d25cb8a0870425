"""One door to chat models: a small interface, the embedded server, any OpenAI-compatible address.

Does not know the guide or what is asked.
"""
