"""Files in a bucket (流式导出数据至对象存储服务, seed 003): a local folder or an S3-compatible store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.connect.buckets import is_bucket
from penstock.connect.file_sink import FileLayout, FileSink
from penstock.connect.interface import CutPolicy, Delivery, Sink, SinkContext
from penstock.connect.key_prefix import check_prefix
from penstock.connect.sink_field import FieldKind, SinkField, read_fields
from penstock.model.errors import Kind, Problem
from penstock.model.limits import Limits
from penstock.model.repo import Repo
from penstock.model.schema import Schema
from penstock.records.encode import FORMATS, Format
from penstock.records.project import Projection, parse_mapping

if TYPE_CHECKING:
    from sqlalchemy import Connection

INTERVAL_FILE_BYTES = 128 * 1024 * 1024
"""Where a file is ended though only the interval ends it (strategy `interval`), so that a backlog of days does not
become one file."""

_SIZE_UNITS = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
_DAY_US = 86_400 * 1_000_000
_LONG_DAYS = 365 * 10_000
"""A retention beyond this is for ever: its end would fit neither a calendar nor 64 bits of microseconds."""

_FIELDS = (
    SinkField(
        "bucket",
        FieldKind.STRING,
        "The bucket to write to: a folder of that name below the data directory, or what the configuration maps it to",
        "数据中心名称",
        required=True,
    ),
    SinkField(
        "keyPrefix",
        FieldKind.STRING,
        "Start of the files' names, with $(year) $(mon) $(day) $(hour) $(min) $(sec) of the cut; without one of them "
        "the time stamp yyyy-MM-dd-HH-mm-ss is added",
        "导出的文件名的前缀",
    ),
    SinkField(
        "fields",
        FieldKind.MAPPING,
        'What goes out: {name in the file: "#field of the repo"}; "#m.x" reaches into a map; empty means every field, '
        "those added later too",
        "字段关系说明",
    ),
    SinkField(
        "rotateStrategy",
        FieldKind.STRING,
        "What ends a file: rotateSize, rotateInterval, or both, whichever comes first",
        "文件切割策略",
        default="interval",
        choices=("size", "interval", "both"),
    ),
    SinkField(
        "rotateSize",
        FieldKind.INTEGER,
        "About how many bytes a file has at most (strategies size and both)",
        "文件大小",
        default=5 * 1024 * 1024,
    ),
    SinkField(
        "rotateInterval",
        FieldKind.INTEGER,
        "Seconds after which what has arrived is written (strategies interval and both)",
        "文件切割间隔",
        default=600,
    ),
    SinkField(
        "rotateNumber", FieldKind.INTEGER, "rotateSize in units of rotateSizeType; read when rotateSize is missing"
    ),
    SinkField(
        "rotateSizeType", FieldKind.STRING, "Unit of rotateNumber", choices=(*_SIZE_UNITS, *map(str.lower, _SIZE_UNITS))
    ),
    SinkField(
        "format",
        FieldKind.STRING,
        "json: an object a line; text: key=value with TABs, as posted; csv: no header line; parquet: snappy",
        "文件导出格式",
        default="json",
        choices=FORMATS,
    ),
    SinkField("delimiter", FieldKind.STRING, "The character between csv values; csv needs it", "csv文件分割符"),
    SinkField("compress", FieldKind.BOOLEAN, "gzip the files; without effect on parquet", "是否开启文件压缩功能"),
    SinkField(
        "retention",
        FieldKind.INTEGER,
        "Days after which a file is deleted, counted from its writing; 0 or less keeps it",
        "数据储存时限",
    ),
    SinkField("email", FieldKind.STRING, "Account of the bucket's owner at the vendor; kept, not used", "七牛账户名称"),
    SinkField("accessKey", FieldKind.STRING, "Public key of that account; kept, not used", "七牛账户的公钥"),
    SinkField("kodo_file_type", FieldKind.INTEGER, "Storage class at the vendor; kept, not used"),
    SinkField("exportZone", FieldKind.STRING, "Zone of the bucket at the vendor; kept, not used"),
    SinkField("exportAccessKey", FieldKind.STRING, "Another account's public key; kept, not used"),
    SinkField("exportSecretKey", FieldKind.STRING, "Another account's secret; kept, not used", secret=True),
)


class Kodo:
    """The sink type `kodo`."""

    name = "kodo"
    fields = _FIELDS
    delivery = Delivery.EXACTLY_ONCE

    def parse_spec(
        self, raw: Mapping[str, Any], repo: Repo, limits: Limits, *, stored: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        if raw.get("format") == "csv" and not raw.get("delimiter"):
            raise Problem(Kind.EXPORT_DELIMITER, "spec.delimiter is missing: csv needs the character between values")
        if raw.get("bucket") in (None, ""):
            raise Problem(Kind.BUCKET_MISSING, "spec.bucket is missing: name the bucket to write to")
        spec = read_fields(self.fields, _with_rotate_size(raw), stored)
        _check_bucket(spec["bucket"])
        check_prefix(spec["keyPrefix"])
        parse_mapping(spec["fields"], repo.schema)
        _check_rotation(spec, limits)
        if spec["format"] == "csv":
            _check_delimiter(spec["delimiter"])
        return spec

    def claim_target(self, spec: Mapping[str, Any], context: SinkContext, catalog: Connection) -> None:
        context.buckets.claim(catalog, context.owner, spec["bucket"])

    def open(self, spec: Mapping[str, Any], schema: Schema, context: SinkContext) -> Sink:
        by_size = spec["rotateStrategy"] in ("size", "both")
        by_time = spec["rotateStrategy"] in ("interval", "both")
        retention = spec["retention"]
        return FileSink(
            context.buckets.open(context.owner, spec["bucket"]),
            Projection(spec["fields"], schema),
            FileLayout(
                format=Format(spec["format"], spec["delimiter"], gzip=spec["compress"]),
                prefix=spec["keyPrefix"],
                timezone=context.timezone,
                keep_us=retention * _DAY_US if 0 < retention <= _LONG_DAYS else None,
            ),
            CutPolicy(
                max_bytes=spec["rotateSize"] if by_size else max(spec["rotateSize"], INTERVAL_FILE_BYTES),
                by_size=by_size,
                interval_s=spec["rotateInterval"] if by_time else None,
            ),
        )

    def remove(self, target: str, spec: Mapping[str, Any], context: SinkContext) -> None:
        context.buckets.open(context.owner, spec["bucket"]).delete(target)


KODO = Kodo()


def _with_rotate_size(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """`rotateNumber` of `rotateSizeType` is how the vendor's console writes a size; it counts where no size is
    given."""
    number, unit = raw.get("rotateNumber"), raw.get("rotateSizeType")
    if raw.get("rotateSize") or not isinstance(number, int) or not isinstance(unit, str):
        return raw
    return {**raw, "rotateSize": number * _SIZE_UNITS.get(unit.upper(), 1)} if number and unit else raw


def _check_bucket(name: str) -> None:
    if not is_bucket(name):
        raise Problem(
            Kind.BUCKET_MISSING,
            f"spec.bucket {name[:80]!r}: a bucket's name has 1 to 255 bytes, no '/', '\\' or control characters, and "
            "does not start with a dot",
        )


def _check_rotation(spec: Mapping[str, Any], limits: Limits) -> None:
    if spec["rotateSize"] > limits.rotate_size_bytes:
        raise Problem(
            Kind.EXPORT_ROTATE_SIZE,
            f"spec.rotateSize {spec['rotateSize']} is too big: at most {limits.rotate_size_bytes} bytes",
        )
    for key in ("rotateSize", "rotateInterval"):
        if spec[key] < 0:
            raise Problem(Kind.EXPORT_INVALID, f"spec.{key} is {spec[key]}: it must not be negative")


def _check_delimiter(delimiter: str) -> None:
    if len(delimiter) != 1 or delimiter in '"\r\n\0' or "\ud800" <= delimiter <= "\udfff":
        raise Problem(
            Kind.EXPORT_DELIMITER,
            f"spec.delimiter {delimiter[:20]!r} must be one character, and neither a quote nor a line end",
        )
