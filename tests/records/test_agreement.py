"""The fast path takes exactly what the reference takes, and the slow path names exactly the records it refuses."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.agreement import agree_json, agree_text
from records.schemas import damaged, json_bodies, schemas, text_bodies

ENOUGH = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@ENOUGH
@given(st.data(), schemas, st.booleans())
def test_good_text(data: st.DataObject, schema, unescape) -> None:  # type: ignore[no-untyped-def]
    agree_text(data.draw(text_bodies(schema)), schema, unescape=unescape)


@ENOUGH
@given(st.data(), schemas)
def test_odd_text(data: st.DataObject, schema) -> None:  # type: ignore[no-untyped-def]
    agree_text(data.draw(text_bodies(schema, odd=True)), schema)


@ENOUGH
@given(st.data(), schemas)
def test_damaged_text(data: st.DataObject, schema) -> None:  # type: ignore[no-untyped-def]
    agree_text(data.draw(damaged(text_bodies(schema))), schema)


@ENOUGH
@given(st.data(), schemas)
def test_good_json(data: st.DataObject, schema) -> None:  # type: ignore[no-untyped-def]
    agree_json(data.draw(json_bodies(schema)), schema)


@ENOUGH
@given(st.data(), schemas)
def test_odd_json(data: st.DataObject, schema) -> None:  # type: ignore[no-untyped-def]
    agree_json(data.draw(json_bodies(schema, odd=True)), schema)


@ENOUGH
@given(st.data(), schemas)
def test_damaged_json(data: st.DataObject, schema) -> None:  # type: ignore[no-untyped-def]
    agree_json(data.draw(damaged(json_bodies(schema))), schema)
