"""Batches written under an older schema, read under a newer one."""

from __future__ import annotations

import pyarrow as pa


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """`batch` with exactly the fields of `schema`, in its order: fields added since, at any depth, are null; fields
    that `schema` lacks are left out. Columns that need no change are shared, not copied. Raises ValueError when a field
    changed its type, which a schema may not do."""
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    columns = []
    for field in schema:
        at = batch.schema.get_field_index(field.name)
        if at < 0:
            columns.append(pa.nulls(batch.num_rows, field.type))
        else:
            columns.append(_conform_array(batch.column(at), field.type, field.name))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _conform_array(array: pa.Array, target: pa.DataType, path: str) -> pa.Array:
    if _same(array.type, target):
        return array
    if not (pa.types.is_struct(array.type) and pa.types.is_struct(target)):
        raise ValueError(f"field {path!r} is stored as {array.type} and cannot be read as {target}")
    children = []
    for field in target:
        at = array.type.get_field_index(field.name)
        if at < 0:
            children.append(pa.nulls(len(array), field.type))
        else:
            # field(), not flatten(): that would copy the parent's nulls into the child
            children.append(_conform_array(array.field(at), field.type, f"{path}.{field.name}"))
    return pa.StructArray.from_arrays(children, fields=list(target), mask=array.is_null() if array.null_count else None)


def _same(a: pa.DataType, b: pa.DataType) -> bool:
    """Equal with the metadata of nested fields, which `==` leaves out."""
    return bool(pa.field("", a).equals(pa.field("", b), check_metadata=True))
