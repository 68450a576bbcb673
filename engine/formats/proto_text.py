"""Reads the text of .proto files into descriptors.

What describes data is read: messages, enums, fields, maps, oneofs, imports. Services, extensions
and options are skipped, but for the parameters in Confluent's field_meta, which hold the precision
and scale of decimals.
Source: the Protocol Buffers language specification, proto2 and proto3.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.message import DecodeError as MessageDecodeError

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<word>\.?[A-Za-z_][\w.]*)
    |(?P<number>[-+]?[0-9.][\w.+]*)
    |(?P<sign>[{}\[\]()<>=;,:/-])
    """,
    re.VERBOSE | re.DOTALL,
)
_SCALARS = {
    "double": FieldDescriptorProto.TYPE_DOUBLE, "float": FieldDescriptorProto.TYPE_FLOAT,
    "int64": FieldDescriptorProto.TYPE_INT64, "uint64": FieldDescriptorProto.TYPE_UINT64,
    "int32": FieldDescriptorProto.TYPE_INT32, "fixed64": FieldDescriptorProto.TYPE_FIXED64,
    "fixed32": FieldDescriptorProto.TYPE_FIXED32, "bool": FieldDescriptorProto.TYPE_BOOL,
    "string": FieldDescriptorProto.TYPE_STRING, "bytes": FieldDescriptorProto.TYPE_BYTES,
    "uint32": FieldDescriptorProto.TYPE_UINT32, "sfixed32": FieldDescriptorProto.TYPE_SFIXED32,
    "sfixed64": FieldDescriptorProto.TYPE_SFIXED64, "sint32": FieldDescriptorProto.TYPE_SINT32,
    "sint64": FieldDescriptorProto.TYPE_SINT64,
}  # fmt: skip
_LABELS = {
    "optional": FieldDescriptorProto.LABEL_OPTIONAL,
    "required": FieldDescriptorProto.LABEL_REQUIRED,
    "repeated": FieldDescriptorProto.LABEL_REPEATED,
}


class ProtoTextError(ValueError):
    """The text is no .proto file."""


_BASE64 = re.compile(r"[A-Za-z0-9+/]+=*\s*")


@dataclass
class ProtoFile:
    """A .proto file.

    Attributes:
        params: Parameters of fields by message path and field (`Outer.Inner.field`), no package.
    """

    descriptor: FileDescriptorProto
    params: dict[str, dict[str, str]] = field(default_factory=dict)


def parse_proto(name: str, text: str) -> ProtoFile:
    """The file of that name, from its text or, in base64, its compiled form.

    Python's serializers register the latter; not every registry turns it into text.

    Raises:
        ProtoTextError: The text is no .proto file.
    """
    if _BASE64.fullmatch(text) is not None:
        return ProtoFile(_compiled(name, text))
    return _Parser(name, text).file()


def _compiled(name: str, text: str) -> FileDescriptorProto:
    try:
        found = FileDescriptorProto.FromString(base64.b64decode(text))
    except (ValueError, MessageDecodeError):
        raise ProtoTextError("it is neither text nor a compiled file") from None
    found.name = name
    return found


class _Parser:
    """Recursive descent; every method begins at the word it is named for."""

    def __init__(self, name: str, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._file = ProtoFile(FileDescriptorProto(name=name))

    def file(self) -> ProtoFile:
        """The whole file."""
        found = self._file.descriptor
        while self._at < len(self._tokens):
            match self._next():
                case "syntax":
                    self._expect("=")
                    found.syntax = _unquoted(self._next())
                    self._expect(";")
                case "import":
                    word = self._next()
                    found.dependency.append(
                        _unquoted(self._next() if word in ("public", "weak") else word)
                    )
                    self._expect(";")
                case "package":
                    found.package = self._next()
                    self._expect(";")
                case "message":
                    self._message(found.message_type.add(), "")
                case "enum":
                    self._enum(found.enum_type.add())
                case ";":
                    pass
                case "option" | "service" | "extend":
                    self._skip()
                case word:
                    raise ProtoTextError(f"unexpected {word}")
        return self._file

    def _message(self, message: DescriptorProto, path: str) -> None:
        message.name = self._next()
        path = f"{path}{message.name}."
        self._expect("{")
        optional: list[FieldDescriptorProto] = []
        while (word := self._next()) != "}":
            match word:
                case "message":
                    self._message(message.nested_type.add(), path)
                case "enum":
                    self._enum(message.enum_type.add())
                case "oneof":
                    self._oneof(message, path)
                case "option" if self._peek() in ("(", "map_entry"):
                    if self._peek() == "map_entry":
                        message.options.map_entry = self._tokens[self._at + 2] == "true"
                    self._skip()
                case "option" | "reserved" | "extensions" | "extend":
                    self._skip()
                case ";":
                    pass
                case "map" if self._peek() == "<":
                    self._map(message, path)
                case _:
                    made = self._field(message, word, path)
                    if word == "optional" and self._file.descriptor.syntax == "proto3":
                        optional.append(made)
        for made in optional:  # Their oneofs come behind all others.
            made.proto3_optional = True
            made.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{made.name}")

    def _field(self, message: DescriptorProto, word: str, path: str) -> FieldDescriptorProto:
        made = message.field.add(label=FieldDescriptorProto.LABEL_OPTIONAL)
        if word in _LABELS:
            made.label = _LABELS[word]
            word = self._next()
        _set_type(made, word)
        self._name_and_number(made, path)
        return made

    def _name_and_number(self, made: FieldDescriptorProto, path: str) -> None:
        made.name = self._next()
        self._expect("=")
        made.number = _integer(self._next())
        if self._peek() == "[":
            params = self._params()
            if params:
                self._file.params[path + made.name] = params
        self._expect(";")

    def _map(self, message: DescriptorProto, path: str) -> None:
        self._expect("<")
        key = self._next()
        self._expect(",")
        value = self._next()
        self._expect(">")
        made = message.field.add(label=FieldDescriptorProto.LABEL_REPEATED)
        self._name_and_number(made, path)
        camel = "".join(part[:1].upper() + part[1:] for part in made.name.split("_"))
        entry = message.nested_type.add(name=f"{camel}Entry")
        entry.options.map_entry = True
        for number, (name, word) in enumerate((("key", key), ("value", value)), start=1):
            item = entry.field.add(
                name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL
            )
            _set_type(item, word)
        made.type = FieldDescriptorProto.TYPE_MESSAGE
        made.type_name = entry.name

    def _oneof(self, message: DescriptorProto, path: str) -> None:
        index = len(message.oneof_decl)
        message.oneof_decl.add(name=self._next())
        self._expect("{")
        while (word := self._next()) != "}":
            if word == "option":
                self._skip()
            elif word != ";":
                self._field(message, word, path).oneof_index = index

    def _enum(self, enum: EnumDescriptorProto) -> None:
        enum.name = self._next()
        self._expect("{")
        while (word := self._next()) != "}":
            if word == "option" and self._peek() == "allow_alias":
                enum.options.allow_alias = self._tokens[self._at + 2] == "true"
                self._skip()
            elif word in ("option", "reserved"):
                self._skip()
            elif word != ";":
                self._expect("=")
                enum.value.add(name=word, number=_integer(self._next()))
                if self._peek() == "[":
                    self._params()
                self._expect(";")

    def _params(self) -> dict[str, str]:
        """The `key` and `value` pairs inside a field's options."""
        depth, inside = 0, []
        while True:
            word = self._next()
            depth += (word == "[") - (word == "]")
            if depth == 0:
                break
            inside.append(word)
        found: dict[str, str] = {}
        pair: dict[str, str] = {}
        for word, sign, content in zip(inside, inside[1:], inside[2:], strict=False):
            if word in ("key", "value") and sign == ":":
                pair[word] = _unquoted(content)
            if len(pair) == 2:
                found[pair["key"]] = pair["value"]
                pair = {}
        return found

    def _skip(self) -> None:
        """To the end of a statement: its semicolon, or the end of its block."""
        depth = 0
        while True:
            word = self._next()
            if word in "{[(":
                depth += 1
            elif word in ")]":
                depth -= 1
            elif word == "}":
                depth -= 1
                if depth == 0:
                    if self._at < len(self._tokens) and self._peek() == ";":
                        self._next()
                    return
            elif word == ";" and depth == 0:
                return

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        if self._at == len(self._tokens):
            raise ProtoTextError("the text ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, wanted: str) -> None:
        found = self._next()
        if found != wanted:
            raise ProtoTextError(f"expected {wanted}, found {found}")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ProtoTextError(f"unexpected character {text[at]!r}")
        if match.lastgroup != "blank":
            found.append(match.group())
        at = match.end()
    return found


def _set_type(made: FieldDescriptorProto, word: str) -> None:
    if word in _SCALARS:
        made.type = _SCALARS[word]
    else:
        made.type_name = word


def _integer(word: str) -> int:
    try:
        return int(word, 0)
    except ValueError:
        raise ProtoTextError(f"expected a number, found {word}") from None


def _unquoted(word: str) -> str:
    return word[1:-1] if word[:1] in "\"'" else word
