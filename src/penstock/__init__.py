"""Penstock: a self-hosted data pipeline server."""

__version__ = "0.1.0"
