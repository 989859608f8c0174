"""Hypothesis strategies: schemas, and bodies for them, good, odd and broken."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from penstock.model.schema import ElemType, Field, Schema, ValType

KEYS = st.sampled_from(
    [
        *("a", "b", "x1", "_", "Z", "host", "class", "from", "f0", "f1"),
        *("abcdefg", "abcdefgh", "abcdefgi", "abcdefghi", "abcdefghj"),
        *("prefix_same_1_suffix", "prefix_same_2_suffix", "prefix_same_3_suffix", "prefix_same_1_suffiy"),
        *("k" * 16, "k" * 17, "k" * 24, "k" * 128, "k" * 127 + "l", "k" * 60 + "j" + "k" * 67),
    ]
)
PLAIN = [v for v in ValType if v not in (ValType.ARRAY, ValType.MAP)]


def fields(depth: int, size: int) -> st.SearchStrategy[tuple[Field, ...]]:
    required = st.integers(0, 5).map(lambda n: n == 0)
    one = st.builds(Field, KEYS, st.sampled_from(PLAIN), required=required)
    one |= st.builds(Field, KEYS, st.just(ValType.ARRAY), st.sampled_from(list(ElemType)), required)
    if depth:
        one |= st.builds(
            lambda key, inner, needed: Field(key, ValType.MAP, required=needed, schema=inner),
            KEYS,
            fields(depth - 1, 3),
            required,
        )
    return st.lists(one, min_size=1, max_size=size, unique_by=lambda f: f.key).map(tuple)


schemas = fields(2, 7).map(Schema)

no_breaks = st.text(st.characters(codec="utf-8", exclude_characters="\t\n"), max_size=12)
texts = (
    st.sampled_from(
        ["", "=", "a=b", " ", "\r", "\0", "\\t", "\\n", "\\\\t", '"', ",", "{", ":", '":', 'a":', "é", "中文"]
    )
    | no_breaks
)
longs = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
zones = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-11, minutes=-30))])
dates = st.builds(
    lambda moment, zone, digits, low: dated(moment.astimezone(zone), digits, low),
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC)),
    zones,
    st.none() | st.text("0123456789", min_size=1, max_size=12),
    st.booleans(),
)
ips = st.ip_addresses().map(str) | st.sampled_from(
    ["::", "::1", "1::", "::ffff:1.2.3.4", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8"]
)
json_values = st.recursive(
    st.none() | st.booleans() | longs | floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def dated(moment: datetime, digits: str | None, low: bool) -> str:
    text = f"{moment.year:04}" + moment.strftime("-%m-%dT%H:%M:%S") + (f".{digits}" if digits else "")
    offset = moment.isoformat()[-6:]
    text += "Z" if offset == "+00:00" and low else offset
    return text.lower() if low else text


ODD_VALUES = [
    *(
        "1_000",
        "１",
        "+1",
        "-",
        "--1",
        "01",
        "-0",
        "1.0",
        "1e3",
        "1E+2",
        ".5",
        "5.",
        ".",
        "0x1F",
        "9" * 18,
        "9" * 19,
        "9" * 20,
    ),
    *(str(2**63), str(2**63 - 1), str(-(2**63)), str(-(2**63) - 1), "0" * 30 + "7", "1 ", " 1", "1\r", "1\0"),
    *(
        "nan",
        "NaN",
        "inf",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        "1e-400",
        "1e",
        "e1",
        "1e+",
        "1d",
        "1,5",
        "1e5.5",
    ),
    *("true", "false", "TRUE", "True", "1", "0", "truee", "null", "None"),
    *(
        "2017-01-02T03:04:05",
        "2017-01-02 03:04:05Z",
        "2017-01-02T03:04:05Zx",
        "2017-1-2T03:04:05Z",
        "2017-02-29T00:00:00Z",
    ),
    *("2016-02-29T23:59:59.999999999Z", "2017-13-01T00:00:00Z", "2017-01-01T24:00:00Z", "2017-01-01T00:60:00Z"),
    *(
        "2016-12-31T23:59:60Z",
        "2017-01-02T03:04:05.Z",
        "2017-01-02T03:04:05+0800",
        "2017-01-02T03:04:05+08",
        "2017-01-02T03:04Z",
    ),
    *(
        "2017-01-02T03:04:05+24:00",
        "2017-01-02T03:04:05+23:59",
        "2017-01-02T03:04:05-08:60",
        "2017-01-02T03:04:05.1234567890123Z",
    ),
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.9999999Z"),
    *(
        "9999-12-31T23:59:59-00:01",
        "2017-01-02t03:04:05z",
        "2017-01-02T03:04:05.123456x8Z",
        "2017-01-02T03:04:05.1+08:00",
        "Z" * 20,
    ),
    *(
        "1.2.3.4",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "256.1.1.1",
        "1.2.3.4 ",
        "::1%eth0",
        ":::",
        "1::2::3",
        "12345::",
        "::g",
        "1:2:3:4:5:6:7:8",
    ),
    *(
        "1:2:3:4:5:6:7:8:9",
        "::1.2.3.4",
        "1:2:3:4:5:6:1.2.3.4",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4::5:6:7:8",
        ":1",
        "1:",
        "1.2.3.4:80",
        "10.0.0.0/8",
    ),
    *(
        "[]",
        "{}",
        "[1]",
        "[1,2",
        "1]",
        "[1],[2]",
        "[1] [2]",
        '["',
        '"]',
        '["]',
        '[","]',
        "[[1]]",
        "[null]",
        "[1,null]",
        "[true]",
        "[1.5]",
    ),
    *(
        '["a"]',
        '{"a":1}',
        '{"a":1,"a":2}',
        '{"a" :1, "a": 2}',
        '{"a":null,"a":1}',
        '{"b":{"a":1}',
        ',"b":2}',
        '{"x1":"y"',
        "1 2",
        '"a" "b"',
    ),
    *(
        '"\\ud800"',
        '["\\udc00"]',
        '"\\ud83d\\ude00"',
        '"\\u0000"',
        "nul",
        "tru",
        '"a',
        "[1,]",
        '{"a":1,}',
        "{'a':1}",
        "[01]",
        "[NaN]",
        "[-]",
    ),
    *(
        '{"a":1}{"a":2}',
        '{"a":1} {"a":2}',
        "[1]\r[2]",
        "\r[1]",
        " [1] ",
        "[" * 128 + "]" * 128,
        "[" * 129 + "]" * 129,
        "[" * 3000,
    ),
    *(
        '["' + "[" * 200 + '"]',
        '{"\\u0061":1}',
        '{"a":1,"\\u0061":2}',
        '{"":1}',
        '{"é":1}',
        '{"a\\"":1}',
        "[1e400]",
        '{"a":[1],"b":"2"}',
    ),
]
ODD_TEXTS = st.sampled_from(ODD_VALUES)


def text_of(field: Field, draw: Any) -> str:
    """A value of the field as the text format has it, as a rule a good one."""
    match field.valtype:
        case ValType.STRING:
            return draw(texts)
        case ValType.LONG:
            return str(draw(longs))
        case ValType.FLOAT:
            return draw(floats.map(repr) | longs.map(str))
        case ValType.BOOLEAN:
            return draw(st.sampled_from(["true", "false"]))
        case ValType.DATE:
            return draw(dates)
        case ValType.IP:
            return draw(ips)
        case ValType.JSONSTRING:
            return json_text(draw(json_values), draw)
        case _:
            return json_text(json_of(field, draw), draw)


def json_of(field: Field, draw: Any) -> Any:
    """A value of the field as JSON has it."""
    match field.valtype:
        case ValType.STRING:
            return draw(texts)
        case ValType.LONG:
            return draw(longs)
        case ValType.FLOAT:
            return draw(floats | longs)
        case ValType.BOOLEAN:
            return draw(st.booleans())
        case ValType.JSONSTRING:
            value = draw(json_values)
            return value if isinstance(value, (dict, list)) and draw(st.booleans()) else json_text(value, draw)
        case ValType.ARRAY:
            element = Field("e", ValType(str(field.elemtype)))
            return [json_of(element, draw) for _ in range(draw(st.integers(0, 3)))]
        case ValType.MAP:
            return json_object(field.schema, draw)
    return draw(dates if field.valtype is ValType.DATE else ips)


def json_object(fields: tuple[Field, ...], draw: Any) -> dict[str, Any]:
    chosen = [f for f in draw(st.permutations(fields)) if f.required or draw(st.integers(0, 3))]
    return {f.key: json_of(f, draw) if f.required or draw(st.integers(0, 5)) else None for f in chosen}


def json_text(value: Any, draw: Any) -> str:
    """JSON of the value without line breaks, with one of several kinds of white space."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : "), ("\r,", ":\r")]))
    text: str = json.dumps(value, separators=separators, ensure_ascii=draw(st.booleans()))
    return text


@st.composite
def text_bodies(draw: Any, schema: Schema, odd: bool = False) -> bytes:
    """A body in the text format. With `odd`, some values are such as people get wrong, and some keys too."""
    gap = st.sampled_from(
        ["\t", "\t", "\t", "\t\t", "\t ", "\t  \t", " \t"] if odd else ["\t", "\t", "\t", "\t\t", "\t  ", "\t \t"]
    )
    lines = []
    for _ in range(draw(st.integers(0, 5))):
        line = draw(st.sampled_from(["", "", " ", "\t"]))
        for field in draw(st.permutations(schema.fields)):
            if not field.required and not draw(st.integers(0, 4)):
                continue
            wrong = odd and not draw(st.integers(0, 7))
            value = draw(ODD_TEXTS) if wrong else text_of(field, draw)
            if not field.required and not draw(st.integers(0, 9)):
                value = ""
            key = draw(KEYS) if odd and not draw(st.integers(0, 25)) else field.key
            line += f"{key}={value}{draw(gap)}"
        lines.append(line.rstrip("\t") if draw(st.booleans()) else line)
        lines += [""] * draw(st.sampled_from([0, 0, 0, 1]))
    return "\n".join(lines).encode()


@st.composite
def json_bodies(draw: Any, schema: Schema, odd: bool = False) -> bytes:
    """A JSON body. With `odd`, some values are replaced by texts that people get wrong, keys are doubled, and so on."""
    objects = []
    for _ in range(draw(st.integers(0, 5))):
        text = json_text(json_object(schema.fields, draw), draw)
        if odd and draw(st.booleans()):
            members = text[1:-1]
            key = draw(KEYS | st.sampled_from(schema.keys()))
            value = draw(ODD_TEXTS | ODD_TEXTS.map(json.dumps))
            extra = f'"{key}":{value}'
            text = "{" + (f"{members},{extra}" if members.strip() else extra) + "}"
        objects.append(text)
    shape = draw(st.sampled_from(["array", "lines", "spaced"]))
    if shape == "array":
        return ("[" + draw(st.sampled_from([",", " , ", ",\n"])).join(objects) + "]").encode()
    return (("\n" if shape == "lines" else draw(st.sampled_from(["\r\n", " \n\n", ""]))).join(objects)).encode()


@st.composite
def damaged(draw: Any, bodies: st.SearchStrategy[bytes]) -> bytes:
    """One of the bodies with a few bytes cut out, put in or changed."""
    body = bytearray(draw(bodies))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        cut = draw(st.integers(0, 2))
        put = draw(
            st.sampled_from(
                [
                    b"",
                    b"\t",
                    b"\n",
                    b"=",
                    b" ",
                    b"\r",
                    b"\0",
                    b"\xff",
                    b"\xc3",
                    b"\xed\xa0\x80",
                    b'"',
                    b"\\",
                    b",",
                    b":",
                    b"{",
                    b"}",
                    b"]",
                    b"[",
                    b"1",
                    b"a",
                ]
            )
        )
        body[at : at + cut] = put
    return bytes(body)
