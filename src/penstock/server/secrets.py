"""What must not be shown: values are secret by their names, in log lines and in printed settings alike."""

from __future__ import annotations

from typing import Any

MASK = "******"
_WORDS = ("secret", "password", "passwd", "token", "authorization", "credential", "private_key", "signature")


def masked(key: str, value: Any) -> Any:
    """`value`, or the mask when `key` names a secret; tables and lists are gone through."""
    if is_secret(key):
        return MASK
    if isinstance(value, dict):
        return {inner: masked(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked("", item) for item in value]
    return value


def is_secret(name: str) -> bool:
    """True for names whose values must not be shown anywhere."""
    lowered = name.lower()
    return any(word in lowered for word in _WORDS)
