"""What settings there are, in words: for `penstock settings`, docs/settings.md and error messages."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any, get_type_hints

import msgspec
from msgspec import inspect as types


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its section and name, what it is for, what it may be, and its default."""

    section: str
    name: str
    about: str
    allowed: str
    default: Any

    @property
    def key(self) -> str:
        return f"{self.section}.{self.name}"


def reference(tree: type[msgspec.Struct]) -> list[Setting]:
    """Every setting of the tree, in its order. The text after a field in its source is its description; one that has
    none is an error of the program."""
    found = []
    for section in msgspec.structs.fields(tree):
        about = attribute_docs(section.type)
        hints = get_type_hints(section.type, include_extras=True)
        defaults = section.type()
        for field in msgspec.structs.fields(section.type):
            text = about[field.name]
            found.append(
                Setting(section.name, field.name, text, allowed(hints[field.name]), getattr(defaults, field.name))
            )
    return found


def attribute_docs(owner: type) -> dict[str, str]:
    """`{attribute: the string literal that follows it}` of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            docs[before.target.id] = " ".join(after.value.value.split())
    return docs


def allowed(kind: Any) -> str:
    """What a value of this type may be, as a phrase: `a whole number, at least 1`."""
    return _phrase(types.type_info(kind))


def _phrase(info: types.Type) -> str:
    if isinstance(info, types.Metadata):
        return _phrase(info.type)
    if isinstance(info, types.LiteralType):
        return "one of " + ", ".join(str(v) for v in info.values)
    if isinstance(info, types.EnumType):
        return "one of " + ", ".join(str(member.value) for member in info.cls)
    if isinstance(info, types.BoolType):
        return "true or false"
    if isinstance(info, types.IntType | types.FloatType):
        noun = "a whole number" if isinstance(info, types.IntType) else "a number"
        bounds = ((info.ge, "at least"), (info.gt, "more than"), (info.le, "at most"), (info.lt, "less than"))
        return ", ".join([noun, *(f"{words} {bound}" for bound, words in bounds if bound is not None)])
    if isinstance(info, types.CollectionType | types.VarTupleType):
        return f"a list, each {_phrase(info.item_type)}"
    if isinstance(info, types.DictType):
        return f"a table, each value {_phrase(info.value_type)}"
    if isinstance(info, types.StructType):
        return "a table of " + ", ".join(field.name for field in info.fields)
    if isinstance(info, types.UnionType):
        return " or ".join(_phrase(option) for option in info.types)
    if isinstance(info, types.NoneType):
        return "nothing"
    return "text"


def markdown(tree: type[msgspec.Struct]) -> str:
    """The page docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Written by `penstock settings --markdown`; change the settings' own descriptions, not this page.",
        "",
        "Each setting has a default. A later source wins: `penstock.toml` (`--config`, `$PENSTOCK_CONFIG`, else in",
        "the data directory, else in the working directory), then the environment variable, then the command line. A",
        "setting that does not exist, or a value that is not allowed, stops the server with a line that names it.",
        "",
        "`PENSTOCK_DATA_DIR` and `PENSTOCK_CONFIG` stand for `--data-dir` and `--config` of every command.",
    ]
    section = ""
    for setting in reference(tree):
        if setting.section != section:
            section = setting.section
            lines += ["", f"## [{section}]", "", "| setting | default | may be | what it is |", "|---|---|---|---|"]
        lines.append(
            f"| `{setting.name}` <br> `PENSTOCK_{section.upper()}_{setting.name.upper()}` | `{shown(setting.default)}`"
            f" | {setting.allowed} | {setting.about} |"
        )
    return "\n".join(lines) + "\n"


def shown(value: Any) -> str:
    """A value as TOML would write it, about."""
    return msgspec.json.encode(value).decode()
