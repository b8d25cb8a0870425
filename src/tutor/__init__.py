"""Tutor: prepare for system design interviews on your own machine."""

__version__ = "0.1.0"
