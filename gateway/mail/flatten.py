"""Makes one tree of a template, the page it extends and the macros it calls: what runs then is one function.

Inheritance, imports and macro calls are resolved while compiling, and what a macro is given once and for all is written
into the text around it. Only what is sure to say the same is made flat; anything else is `NotFlat`, and runs as Jinja2
compiles it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from jinja2 import Environment, meta, nodes
from markupsafe import escape

ROOM = 256 * 1024  # characters of a flat tree, a node counting for some: macros that call macros must not grow for ever
_NODE = 16
_DEEPEST = 20  # macros within macros

_KEPT = (nodes.Output, nodes.If, nodes.For, nodes.With, nodes.Scope, nodes.Assign, nodes.AssignBlock)
_SETS = (nodes.Assign, nodes.AssignBlock)
_SPECIAL = frozenset({"self", "super", "caller", "varargs", "kwargs"})
_N = TypeVar("_N", bound=nodes.Node)


class NotFlat(Exception):
    """This template does something that is left to Jinja2; says what."""


@dataclass(frozen=True)
class _Known:
    """A macro that can be called, and the macros it can call itself."""

    macro: nodes.Macro
    beside: Mapping[str, _Known]


def flat_tree(environment: Environment, files: Mapping[str, str], name: str) -> nodes.Template:
    """The tree of `files[name]` without extends, blocks, imports and macros. NotFlat where that cannot be."""
    body = _Flat(environment, files, name).whole()
    tree = nodes.Template(body, lineno=1)
    names = _counted(tree)
    if names.keys() & _SPECIAL:
        raise NotFlat("a name with a meaning of its own")
    for scope in tree.find_all((nodes.Scope, nodes.With)):
        inside = _counted(scope)
        # of a name that is read before it is set, what is found depends on whether it is known around it
        if any(inside[name] != names[name] for assign in scope.find_all(_SETS) for name in _stored(assign)):
            raise NotFlat("a name that is set in a block or macro, and known elsewhere")
    return tree.set_environment(environment)  # type: ignore[return-value]  # it returns its own node, typed as any


class _Flat:
    def __init__(self, environment: Environment, files: Mapping[str, str], name: str) -> None:
        self._environment, self._files, self._name = environment, files, name
        self._html = name.endswith(".html.j2")
        self._room, self._depth = ROOM, 0

    def whole(self) -> list[nodes.Node]:
        blocks: dict[str, list[nodes.Node]] = {}
        name = self._name
        for _ in self._files:
            tree = self._tree(name)
            known = self._imported(tree)
            if not (tree.body and isinstance(tree.body[0], nodes.Extends)):
                return self._page(tree.body, known, blocks)
            for node in tree.body[1:]:
                if isinstance(node, nodes.Block):
                    blocks.setdefault(node.name, self._block(node, known))
                elif not isinstance(node, (nodes.Output, nodes.FromImport)):  # Jinja2 puts out nothing beside blocks
                    raise NotFlat(f"{_what(node)} beside the blocks")
            name = _named(tree.body[0].template)
        raise NotFlat("a page that extends itself")

    def _tree(self, name: str) -> nodes.Template:
        if name not in self._files:
            raise NotFlat(f"no template {name!r}")
        if name.endswith(".html.j2") != self._html:
            raise NotFlat("HTML and text in one")
        return self._environment.parse(self._files[name], name, name)

    def _page(
        self, body: Iterable[nodes.Node], known: Mapping[str, _Known], blocks: Mapping[str, list[nodes.Node]]
    ) -> list[nodes.Node]:
        """The outermost page, with the blocks that are put in place of its own."""
        made: list[nodes.Node] = []
        for node in body:
            if isinstance(node, nodes.Block):
                if node.required and node.name not in blocks:
                    raise NotFlat("a block that must be given")
                inner = blocks[node.name] if node.name in blocks else self._block(node, known)
                made += _scope(inner, node)
            elif not isinstance(node, nodes.FromImport):
                made += self._expanded([node], known)
        return _merged(made)

    def _block(self, block: nodes.Block, known: Mapping[str, _Known]) -> list[nodes.Node]:
        if block.scoped:
            raise NotFlat("a scoped block")
        return self._expanded(block.body, known)

    def _imported(self, tree: nodes.Template) -> dict[str, _Known]:
        """What `{% from … import … %}` at the top of a file makes known."""
        known: dict[str, _Known] = {}
        for node in tree.body:
            if isinstance(node, nodes.FromImport):
                if node.with_context:
                    raise NotFlat("an import with context")
                macros = self._macros(_named(node.template))
                for given in node.names:
                    name, alias = given if isinstance(given, tuple) else (given, given)
                    if name not in macros:
                        raise NotFlat(f"{name} is no macro")
                    known[alias] = macros[name]
        if known.keys() & _stored(tree):
            raise NotFlat("the name of a macro for something else")
        return known

    def _macros(self, name: str) -> dict[str, _Known]:
        tree, macros = self._tree(name), dict[str, _Known]()
        for node in tree.body:
            if isinstance(node, nodes.Macro):
                macros[node.name] = _Known(node, macros)
            elif not (isinstance(node, nodes.Output) and all(isinstance(x, nodes.TemplateData) for x in node.nodes)):
                raise NotFlat(f"{_what(node)} beside macros")
        for known in macros.values():
            alone = nodes.Template([known.macro], lineno=1)
            alone.set_environment(self._environment)
            free = _loaded(known.macro) - _stored(known.macro) - {"loop"} | meta.find_undeclared_variables(alone)
            if free - macros.keys():
                raise NotFlat("a macro that uses what it is not given")
        return macros

    def _expanded(self, body: Iterable[nodes.Node], known: Mapping[str, _Known]) -> list[nodes.Node]:
        """Statements with the macros they call put in place of the calls."""
        made: list[nodes.Node] = []
        for node in body:
            if not isinstance(node, _KEPT) or (isinstance(node, nodes.For) and node.recursive):
                raise NotFlat(_what(node))
            if isinstance(node, nodes.Output):
                made += self._output(node, known)
            elif isinstance(node, nodes.If):
                made += self._choice(node, known)
            else:
                for name, value in node.iter_fields():
                    if isinstance(value, list) and value and isinstance(value[0], nodes.Stmt):
                        setattr(node, name, self._expanded(value, known))
                made.append(node)
        if any(name.name in known for node in made for name in node.find_all(nodes.Name)):
            raise NotFlat("a macro that is not put out as it is")
        return _merged(made)

    def _choice(self, node: nodes.If, known: Mapping[str, _Known]) -> list[nodes.Node]:
        """An If; of one whose test is known already, only what comes of it."""
        node.body, node.else_ = self._expanded(node.body, known), self._expanded(node.else_, known)
        for other in node.elif_:
            other.body = self._expanded(other.body, known)
        if not isinstance(node.test, nodes.Const):
            return [node]
        if node.test.value:
            return node.body
        if not node.elif_:
            return node.else_
        raise NotFlat("a choice that is none")

    def _output(self, node: nodes.Output, known: Mapping[str, _Known]) -> list[nodes.Node]:
        made: list[nodes.Node] = []
        for one in node.nodes:
            if isinstance(one, nodes.Call) and isinstance(one.node, nodes.Name) and one.node.name in known:
                made += self._called(one, known[one.node.name])
            else:
                made.append(nodes.Output([self._written(one)], lineno=node.lineno))
        return made

    def _written(self, node: nodes.Expr) -> nodes.Expr:
        """What is known already becomes part of the text."""
        if not isinstance(node, nodes.Const) or not isinstance(node.value, (str, int)) or isinstance(node.value, bool):
            return node
        text = str(node.value)
        return nodes.TemplateData(str(escape(text)) if self._html else text, lineno=node.lineno)

    def _called(self, call: nodes.Call, known: _Known) -> list[nodes.Node]:
        """The body of a macro with its arguments: written into it, or bound before it."""
        macro, given = known.macro, _arguments(call, known.macro)
        stored = {one.name for node in macro.body for one in node.find_all(nodes.Name) if one.ctx != "load"}
        fixed = {name: value for name, value in given.items() if name not in stored and _stays(value)}
        taken = {value.name for value in fixed.values() if isinstance(value, nodes.Name)}
        if taken & (stored | (given.keys() - fixed.keys())):
            fixed = {name: value for name, value in fixed.items() if isinstance(value, nodes.Const)}
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotFlat("macros too deep")
        body = self._expanded([self._copied(node, fixed) for node in macro.body], known.beside)
        self._depth -= 1
        bound = [name for name in given if name not in fixed]
        if not bound:
            return _scope(body, call)
        targets: list[nodes.Expr] = [nodes.Name(name, "store", lineno=call.lineno) for name in bound]
        return [nodes.With(targets, [given[name] for name in bound], body, lineno=call.lineno)]

    def _copied(self, node: _N, fixed: Mapping[str, nodes.Expr]) -> _N:
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name in fixed:
            return self._copied(fixed[node.name], {})  # type: ignore[return-value]  # an expression for an expression
        self._room -= _NODE + len(getattr(node, "data", ""))
        if self._room < 0:
            raise NotFlat("too large")
        fields = [self._copied_field(getattr(node, name), fixed) for name in node.fields]
        return type(node)(*fields, lineno=node.lineno, environment=node.environment)

    def _copied_field(self, value: Any, fixed: Mapping[str, nodes.Expr]) -> Any:
        if isinstance(value, nodes.Node):
            return self._copied(value, fixed)
        if isinstance(value, list):
            return [self._copied_field(one, fixed) for one in value]
        return value


def _arguments(call: nodes.Call, macro: nodes.Macro) -> dict[str, nodes.Expr]:
    """Each argument of a macro with its value; NotFlat unless there is exactly one for each."""
    names = [one.name for one in macro.args]
    given = dict(zip(names, call.args, strict=False))
    given |= {one.key: one.value for one in call.kwargs}
    if call.dyn_args or call.dyn_kwargs or len(given) != len(call.args) + len(call.kwargs):
        raise NotFlat("arguments that are not known")
    for name, default in zip(reversed(names), reversed(macro.defaults), strict=False):
        if name not in given and not isinstance(default, nodes.Const):
            raise NotFlat("a default that is worked out")
        given.setdefault(name, default)
    if given.keys() != set(names):
        raise NotFlat("arguments that a macro does not have, or lacks")
    return {name: given[name] for name in names}


def _stays(value: nodes.Expr) -> bool:
    """Whether it is the same wherever it stands."""
    return isinstance(value, nodes.Const) or (isinstance(value, nodes.Name) and value.name != "loop")


def _scope(body: list[nodes.Node], at: nodes.Node) -> list[nodes.Node]:
    """Statements whose names are their own."""
    scope = nodes.Scope(body, lineno=at.lineno)
    return [scope] if any(True for _ in scope.find_all(_SETS)) else body


def _counted(tree: nodes.Node) -> Counter[str]:
    return Counter(one.name for one in tree.find_all(nodes.Name))


def _stored(tree: nodes.Node) -> set[str]:
    return {one.name for one in tree.find_all(nodes.Name) if one.ctx != "load"}


def _loaded(tree: nodes.Node) -> set[str]:
    return {one.name for one in tree.find_all(nodes.Name) if one.ctx == "load"}


def _merged(body: Iterable[nodes.Node]) -> list[nodes.Node]:
    """What is put out in a row, in one statement."""
    made: list[nodes.Node] = []
    for node in body:
        if isinstance(node, nodes.Output) and made and isinstance(made[-1], nodes.Output):
            made[-1] = nodes.Output([*made[-1].nodes, *node.nodes], lineno=made[-1].lineno)
        else:
            made.append(node)
    return made


def _named(template: nodes.Expr) -> str:
    if isinstance(template, nodes.Const) and isinstance(template.value, str):
        return template.value
    raise NotFlat("a template whose name is worked out")


def _what(node: nodes.Node) -> str:
    return type(node).__name__.lower()
