"""From a question to an answer that comes only from the guide, as a stream of events.

Does not know how events are shown.
"""
