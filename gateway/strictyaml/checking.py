"""Nodes → pydantic models; pydantic's errors joined with the marks and put in words."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.strictyaml.marks import MAX_PROBLEMS, Node, Path, Problem, StrictYamlError, did_you_mean, quoted

ModelT = TypeVar("ModelT", bound=BaseModel)


def validate(model: type[ModelT], node: Node) -> ModelT:
    """The model's reading of the value. Raises StrictYamlError with all that is wrong, each at its own mark."""
    try:
        return model.model_validate(node.plain())
    except ValidationError as error:
        problems = [_problem(model, node, details) for details in error.errors(include_url=False)]
        problems.sort(key=lambda problem: (problem.line, problem.column))
        raise StrictYamlError(list(dict.fromkeys(problems))[:MAX_PROBLEMS]) from error


_WANTED = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a map (key: value)",
    "model_type": "must be a map (key: value)",
    "model_attributes_type": "must be a map (key: value)",
}


def _problem(model: type[BaseModel], node: Node, details: ErrorDetails) -> Problem:
    path, kind, value = details["loc"], details["type"], details["input"]
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "extra_forbidden":
        key = str(path[-1])
        return node.problem(path[:-1], "unknown key" + did_you_mean(key, _keys_at(model, path[:-1])), key=key)
    if kind == "missing":
        return node.problem(path[:-1], f"the key '{path[-1]}' is missing")
    if kind in ("literal_error", "enum"):
        allowed = re.findall("'([^']*)'", str(context.get("expected", "")))
        guess = did_you_mean(value, allowed).partition(" (known")[0]  # they are all named already
        return node.problem(path, f"must be one of {', '.join(allowed)}{guess}")
    if kind == "value_error":
        return node.problem(path, str(context.get("error", details["msg"])))
    hint = " (is '：' a full-width colon for ': '?)" if isinstance(value, str) and "：" in value else ""
    message = _WANTED.get(kind) or _bound(kind, context) or details["msg"][:1].lower() + details["msg"][1:]
    return node.problem(path, f"{message}, got {quoted(value)}{hint}")


def _bound(kind: str, context: Mapping[str, Any]) -> str:
    """A limit that was not kept, in words."""
    words = {
        "greater_than": "must be more than {gt:g}",
        "greater_than_equal": "must be at least {ge:g}",
        "less_than": "must be less than {lt:g}",
        "less_than_equal": "must be at most {le:g}",
        "too_short": "must have at least {min_length} entry",
        "string_too_short": "must not be empty",
        "string_too_long": "must have at most {max_length} characters",
    }
    return words.get(kind, "").format_map(context)


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the model allows at a path."""
    kinds = [model]
    for step in path:
        kinds = [inner for kind in kinds for inner in _inner(kind, step)] or kinds
    return [
        field.alias or name
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for name, field in kind.model_fields.items()
    ]


def _inner(kind: Any, step: str | int) -> list[Any]:
    """The types found one step inside a type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        return _members(fields[step]) if step in fields else []
    origin, args = get_origin(kind), get_args(kind)
    if origin in (list, tuple, Sequence) and isinstance(step, int):
        return _members(args[0])
    if origin in (dict, Mapping) and isinstance(step, str):
        return _members(args[1])
    return []


def _members(kind: Any) -> list[Any]:
    """A type without its Annotated and Union wrappings."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _members(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return [member for arg in get_args(kind) for member in _members(arg)]
    return [kind]
