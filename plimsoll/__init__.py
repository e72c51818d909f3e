"""Plimsoll: a margin engine for perpetual futures, and the tools that run, test and watch it."""

__version__ = "0.1.0"
