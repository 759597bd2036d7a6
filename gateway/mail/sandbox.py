"""Jinja2 on a meter: a template may do much, but not for long and not at length (fuel and a cap).

Three budgets a run: steps (loop turns, macro calls, blocks, items walked), characters (put out, joined, captured),
and at the end the size of the whole. What is not metered is not there: methods but a few, filters but those below,
`*` on text or lists, `**`, `%` on text. A step or character too many raises `OverBudget`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from types import BuiltinMethodType
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, Undefined, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import FILTERS
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, TemplateReference, markup_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

STEP_LIMIT = 10_000
CHARACTER_LIMIT = 8 * 1024 * 1024
OUTPUT_LIMIT = 1024 * 1024
_NUMBER_BITS = 256

# names no template can write, so none can call or shadow them
_BURN, _WALK = "burn!", "walk!"
_BLANK_KEPT = re.compile(r"(?<= ) |^ ", re.MULTILINE)
_OF_DICTS = frozenset(dir(dict))


class OverBudget(Exception):
    """A template went over one of its budgets."""


class _Meter:
    __slots__ = ("characters", "steps")

    def __init__(self) -> None:
        self.steps, self.characters = STEP_LIMIT, CHARACTER_LIMIT

    def spend(self, steps: int, characters: int) -> None:
        self.steps -= steps
        self.characters -= characters
        if self.steps < 0:
            raise OverBudget(f"more than {STEP_LIMIT} steps; loop over less")
        if self.characters < 0:
            raise OverBudget(f"more than {CHARACTER_LIMIT} characters; write less")


_METER: ContextVar[_Meter] = ContextVar("template meter")


class metered:
    """A run of one template with full budgets: `with metered(): …`."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _METER.set(_Meter())

    def __exit__(self, *_: object) -> None:
        _METER.reset(self._token)


@pass_context  # a function that takes the context is never run by the compiler
def _finalize(context: Context, value: object) -> object:  # noqa: ARG001 - Jinja2 passes it
    """Whatever `{{ }}` puts out: text or a number."""
    return _scalar(value)


def _put_text(value: object) -> str:
    """As `_finalize`, for plain text."""
    if type(value) is str and (meter := _METER.get()).characters >= len(value):  # nearly always
        meter.characters -= len(value)
        return value
    return str(_scalar(value))


def _put_html(value: object) -> str:
    """As `_finalize`, then as markupsafe's `escape`, without a `Markup` made of it."""
    if type(value) is str and (meter := _METER.get()).characters >= len(value):
        meter.characters -= len(value)
        return _escaped(value)
    return escape(_scalar(value))


def _concat_text(pieces: tuple[object, ...]) -> str:
    """As `~` does in plain text."""
    return "".join([_put_text(piece) for piece in pieces])


def _concat_html(pieces: tuple[object, ...]) -> str:
    """As `~` does in HTML: text stays text, to be escaped later, unless there is HTML among the pieces."""
    scalars = [_scalar(piece) for piece in pieces]
    if all([type(scalar) is str for scalar in scalars]):
        return "".join(scalars)  # type: ignore[arg-type]  # as just asked
    return markup_join(scalars)


def _escaped(text: str) -> str:
    some = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return some.replace("'", "&#39;").replace('"', "&#34;")


def _scalar(value: object) -> object:
    if isinstance(value, str):
        _METER.get().spend(0, len(value))
        return value
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises: StrictUndefined
    if isinstance(value, (Macro, BlockReference)):
        raise TypeError(f"a {type(value).__name__.lower()} is put out; call it with ()")
    raise TypeError(f"a {type(value).__name__} cannot be put out; use |join(', ') or a loop")


@pass_context
def _burn(context: Context, characters: int) -> None:  # noqa: ARG001 - as above
    _METER.get().spend(1, characters)


@pass_context
def _walk(context: Context, items: Any) -> Any:  # noqa: ARG001 - as above
    """The items of a loop, paid for before it starts."""
    if isinstance(items, Undefined):
        return iter(items)
    if not hasattr(items, "__len__"):
        raise TypeError(f"a {type(items).__name__} cannot be looped over; use a list")
    _METER.get().spend(len(items), 0)
    return items


@pass_context
def _join(context: Context, items: Iterable[object], separator: str = "") -> str:
    """As Jinja2's `join`, of text and numbers."""
    walked = _walk(context, items)
    if context.eval_ctx.autoescape:
        pieces = [_put_html(item) for item in walked]
        _METER.get().spend(0, len(separator) * len(pieces))
        return Markup(str(escape(separator)).join(pieces))  # noqa: S704 - each of them is escaped
    pieces = [_put_text(item) for item in walked]
    _METER.get().spend(0, len(separator) * len(pieces))
    return separator.join(pieces)


@pass_context
def _quoted(context: Context, text: str) -> str:  # noqa: ARG001 - as above
    """Every line behind "> ", for plain text (RFC 3676 §4.5)."""
    lines = str(text).strip("\n").split("\n")
    _METER.get().spend(0, len(text) + 2 * len(lines))
    return "\n".join("> " + line if line else ">" for line in lines)


@pass_context
def _breaks(context: Context, text: str) -> Markup:  # noqa: ARG001 - as above
    """Text for HTML: escaped, line ends as <br>, runs of blanks kept. Outlook knows no `white-space: pre-wrap`."""
    escaped = _escaped(str(text).strip("\n"))
    _METER.get().spend(0, len(escaped))
    if "  " in escaped or "\n " in escaped or escaped.startswith(" "):
        escaped = _BLANK_KEPT.sub("&nbsp;", escaped)
    return Markup(escaped.replace("\n", "<br>\n"))  # noqa: S704 - escaped above


def _range(*bounds: int) -> range:
    wanted = range(*bounds)
    if len(wanted) > STEP_LIMIT:
        raise OverBudget(f"range over more than {STEP_LIMIT} numbers")
    return wanted


# of text and numbers already there these make nothing longer than a small factor
_KEPT_FILTERS = (
    "capitalize",
    "d",
    "default",
    "e",
    "escape",
    "first",
    "int",
    "last",
    "length",
    "lower",
    "title",
    "trim",
)
FILTER_NAMES = tuple(sorted((*_KEPT_FILTERS, "breaks", "join", "quoted")))  # what a template may use
_TEXT_METHODS = frozenset({"endswith", "isdigit", "lower", "lstrip", "rstrip", "splitlines", "startswith", "strip"})
_MAPPING_METHODS = frozenset({"get", "items", "keys", "values"})


class _Guard(NodeTransformer):
    """Puts the meter into a syntax tree. Jinja2's visitors are untyped: `Any` is what they pass."""

    def visit_For(self, node: nodes.For) -> Any:
        self._enter(node)
        node.iter = self._filter(node.iter, _WALK)
        return node

    def _enter(self, node: Any) -> Any:
        """A turn costs a step and the constant text it writes."""
        cost = sum(len(piece.data) for piece in _constant_text(node.body))
        self.generic_visit(node)
        burn = self._filter(nodes.Const(cost, lineno=node.lineno), _BURN)
        node.body.insert(0, nodes.ExprStmt(burn, lineno=node.lineno))
        return node

    visit_Template = visit_Block = visit_Macro = visit_CallBlock = _enter

    @staticmethod
    def _filter(node: nodes.Node, name: str) -> nodes.Filter:
        return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _constant_text(body: Iterable[nodes.Node]) -> Iterator[nodes.TemplateData]:
    """Constant text written each time `body` runs; what has a meter of its own is left out."""
    for node in body:
        if isinstance(node, nodes.TemplateData):
            yield node
        elif not isinstance(node, (nodes.For, nodes.Macro, nodes.CallBlock, nodes.Block)):
            yield from _constant_text(node.iter_child_nodes())


class _MeteredCode(CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        super().visit_Template(_Guard().visit(node), frame)

    def write_commons(self) -> None:
        self.writeline("put_text, put_html = environment.put_text, environment.put_html")
        super().write_commons()

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.concat_html((" if frame.eval_ctx.autoescape else "environment.concat_text((")
        for one in node.nodes:
            self.visit(one, frame)
            self.write(", ")
        self.write("))")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("put_html(" if frame.eval_ctx.autoescape else "put_text(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile:
            super()._output_child_post(node, frame, finalize)
        else:
            self.write(")")


class MeteredEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox for a set of files (name → source). Undefined names are errors; `*.html.j2` escapes by itself."""

    code_generator_class = _MeteredCode
    put_text, put_html = staticmethod(_put_text), staticmethod(_put_html)
    concat_text, concat_html = staticmethod(_concat_text), staticmethod(_concat_html)
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, files: Mapping[str, str]) -> None:
        def load(name: str) -> tuple[str, str, Any] | None:
            return (files[name], name, lambda: True) if name in files else None

        super().__init__(
            loader=FunctionLoader(load),
            undefined=StrictUndefined,
            autoescape=lambda name: name is not None and name.endswith(".html.j2"),
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            optimized=False,  # nothing is worked out while compiling: that would be off the meter
            auto_reload=False,
            cache_size=-1,
            finalize=_finalize,
        )
        self.globals = {"range": _range}
        self.trees: dict[str, nodes.Template] | None = None  # a dictionary is given the tree of what is compiled
        own: dict[str, Any] = {
            _BURN: _burn,
            _WALK: _walk,
            "join": _join,
            "quoted": _quoted,
            "breaks": _breaks,
        }
        self.filters = {**{name: FILTERS[name] for name in _KEPT_FILTERS}, **own}

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        if name is not None and self.trees is not None:
            self.trees[name] = source
        return super()._generate(source, name, filename, defer_init)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """As Jinja2's, which tries what text does not have and asks much of what it has."""
        if type(obj) is str and attribute in _TEXT_METHODS:
            return getattr(obj, attribute)
        if type(obj) is dict and attribute in obj and attribute not in _OF_DICTS:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call(self, context: Context, obj: Any, /, *values: Any, **named: Any) -> Any:
        """Macros and the methods of text and dictionaries, which are safe once `getattr` has given them, without the
        way round by Jinja2's `Context.call`. What a macro of a text file says is text in HTML, and escaped there."""
        if type(obj) is not Macro and type(obj) is not BuiltinMethodType:
            return super().call(context, obj, *values, **named)
        if named:
            for name in ("_block_vars", "_loop_vars"):  # for functions that take the context
                named.pop(name, None)
        return obj(*values, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Numbers of a sane size; `+` joins text or lists as well, on the meter."""
        if operator == "+" and isinstance(left, (str, list, tuple)):
            _METER.get().spend(0, len(left) + len(right))
            return left + right
        if operator == "**":
            raise TypeError("no powers here; write the number out")
        if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
            raise TypeError(f"{operator} is for numbers only; use ~ to join text")
        for number in (left, right):
            if isinstance(number, int) and number.bit_length() > _NUMBER_BITS:
                raise OverBudget("a number too large")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Values, and the few methods that cannot make much out of little."""
        if not super().is_safe_attribute(obj, attr, value):
            return False
        if not callable(value) or isinstance(obj, (LoopContext, TemplateReference, BlockReference)):
            return True
        if isinstance(value, (Macro, Undefined)):
            return True
        if isinstance(obj, str):
            return attr in _TEXT_METHODS
        return isinstance(obj, Mapping) and attr in _MAPPING_METHODS

    def wrap_str_format(self, value: Any) -> None:  # noqa: ARG002 - Jinja2 passes it
        """`str.format` pads to any width; it is not offered, so `is_safe_attribute` refuses it."""
        return
