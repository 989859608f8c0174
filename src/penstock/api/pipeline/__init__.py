"""The Pandora pipeline face: `/v2` (seed 003)."""
