"""The browser app: renders the core's events. Does not know how an answer is made."""
