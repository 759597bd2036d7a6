"""Templates: compiled once, run on a meter, never the reason why no mail goes out.

Jinja2's sandbox keeps a template from reaching Python, not from filling the memory. So the syntax tree is changed
before it is compiled: every loop turn, macro call and block costs fuel, every output and concatenation counts its
characters, and what could make much out of little (`*` on text, `**`, `format`, most filters and methods) is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product

from jinja2 import Template, TemplateSyntaxError, meta, nodes
from markupsafe import escape

from gateway.mail.builtin import KINDS, LANGUAGES, builtin_text, sample_sets
from gateway.mail.program import Program
from gateway.mail.sandbox import FILTER_NAMES, MeteredEnvironment

_FILE = re.compile(
    r"(?:(?P<department>[a-z0-9][a-z0-9_-]{0,63})/)?(?P<kind>[a-z][a-z-]*)\.(?P<language>[a-z]{2})\.(?P<form>txt|html)\.j2"
)
_PART = re.compile(r"(?:[a-z0-9][a-z0-9_-]{0,63}/)?_[a-z0-9_.-]+\.j2")
_SOURCE_LIMIT = 256 * 1024

_OPENINGS = (
    *("kính thưa", "kính gửi", "kính chào", "thưa quý", "thân gửi", "xin chào", "chào anh", "chào chị", "chào quý"),
    *(
        "chào bạn",
        "dạ chào",
        "dạ em chào",
        "dạ kính",
        "dạ thưa",
        "dear ",
        "hello",
        "hi ",
        "hi,",
        "good morning",
        "good afternoon",
        "尊敬的",
        "您好",
        "你好",
    ),
)


class TemplateErrors(Exception):
    """All that is wrong with a set of templates; one line each: `file:line: what, what would be right`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Rendered:
    """`html` is "" where there is none. `trouble`: why the built-in text or no HTML stands here, else ""."""

    text: str
    html: str
    trouble: str = ""


class Templates:
    """A checked set of templates. Made by `compile_templates`; may be used from several threads."""

    def __init__(self, compiled: Mapping[str, Program]) -> None:
        self._compiled = dict(compiled)

    def render(self, kind: str, language: str, department: str, values: Mapping[str, object]) -> Rendered:
        """Text and HTML of one notice, from the department's own template, else the common one; in the language asked,
        else English. Never raises: on any error the built-in text stands in, and `trouble` says why. A text that is
        to begin with the cut line always does."""
        return self._render(kind, language, department, values, Program.run)

    def _render(
        self,
        kind: str,
        language: str,
        department: str,
        values: Mapping[str, object],
        run: Callable[[Program, Mapping[str, object]], str],
    ) -> Rendered:
        known = KINDS.get(kind)
        full = {**known.optional, **values} if known else dict(values)
        base = self._base(kind, language, department)
        if base is None:
            return Rendered(builtin_text(kind, language, full), "", f"no template for {kind}.{language}")
        name = f"{base}.txt.j2"
        try:
            text = run(self._compiled[name], full).lstrip("\n")
        except Exception as error:  # noqa: BLE001 - whatever a template does, a mail goes out
            return Rendered(builtin_text(kind, language, full), "", f"{place(error, name)}: {_what(error)}")
        if not text.strip():
            return Rendered(builtin_text(kind, language, full), "", f"{name}:1: renders to nothing")
        cut = full.get("cut")
        trouble = ""
        if isinstance(cut, str) and cut and not text.startswith(cut + "\n"):
            text, trouble = f"{cut}\n\n{text}", f"{name}:1: does not begin with the cut line, it was put there"
        html, html_trouble = self._html(f"{base}.html.j2", full, run)
        return Rendered(text, html, trouble or html_trouble)

    def check(self, samples: Mapping[str, Mapping[str, object]]) -> list[str]:
        """Renders every file of every kind in `samples` with these values; the problems found, `file:line: what`."""
        problems: list[str] = []
        for name in sorted(self._compiled):
            match = _FILE.fullmatch(name)
            if match is None or match["kind"] not in samples or match["form"] != "txt":
                continue
            values = samples[match["kind"]]
            # a department that no template has falls back to the common ones
            where = (match["kind"], match["language"], match["department"] or "")
            trouble = self._render(*where, values, Program.run_plain).trouble
            if trouble:
                problems.append(trouble)
        return problems

    def _base(self, kind: str, language: str, department: str) -> str | None:
        """Text and HTML come from one place, so that they say the same."""
        for spoken, folder in product((language, "en"), (f"{department}/" if department else "", "")):
            base = f"{folder}{kind}.{spoken}"
            if f"{base}.txt.j2" in self._compiled:
                return base
        return None

    def _html(
        self, name: str, values: Mapping[str, object], run: Callable[[Program, Mapping[str, object]], str]
    ) -> tuple[str, str]:
        if name not in self._compiled:
            return "", ""
        try:
            html = run(self._compiled[name], values).strip() + "\n"
        except Exception as error:  # noqa: BLE001 - the plain text is complete without it (law 11)
            return "", f"{place(error, name)}: {_what(error)}"
        cut = values.get("cut")
        if isinstance(cut, str) and cut and not _shows(html, cut):
            return "", f"{name}:1: does not show the cut line, so no HTML was sent"
        return html, ""


def compile_templates(files: Mapping[str, str]) -> Templates:
    """Compiles and checks a set: name under `templates/` → source. Files that begin with "_" are parts of others.

    Raises `TemplateErrors` with everything that is wrong: names, syntax, unknown values, and what sample notices of
    every kind find when they are rendered. What compiles renders any values of the promised types.
    """
    environment = MeteredEnvironment(files)
    environment.tests["greeting"] = _is_greeting
    environment.trees = trees = dict[str, nodes.Template]()
    problems: list[str] = []
    compiled: dict[str, Template] = {}
    for name in sorted(files):
        found = _name_problems(name, files)
        if not found:
            try:
                compiled[name] = _compile(environment, name, files[name])
                found = _tree_problems(trees.pop(name), name, files)
            except Exception as error:  # noqa: BLE001 - e.g. RecursionError of a monstrous expression
                found = [f"{place(error, name)}: {_what(error)}"]
        problems += found
    environment.trees = None
    if not problems:
        templates = Templates(
            {
                name: Program(environment, files, one, _samples(match["kind"]))
                for name, one in compiled.items()
                if (match := _FILE.fullmatch(name))
            }
        )
        for samples in sample_sets():
            problems += [one for one in templates.check(samples) if one not in problems]
        if not problems:
            return templates
    raise TemplateErrors(problems)


def _samples(kind: str) -> list[Mapping[str, object]]:
    return [{**KINDS[kind].optional, **samples[kind]} for samples in sample_sets()]


def place(error: BaseException, name: str) -> str:
    """`file:line` of the innermost template line in an error's traceback."""
    line, trace = 0, error.__traceback__
    if isinstance(error, TemplateSyntaxError):
        return f"{error.name or name}:{error.lineno}"
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.endswith(".j2"):
            name, line = file, trace.tb_lineno
        trace = trace.tb_next
    return f"{name}:{max(line, 1)}"


def _is_greeting(text: str) -> bool:
    """Does a letter already open with a greeting?"""
    return str(text).lstrip()[:40].lower().startswith(_OPENINGS)


def _what(error: BaseException) -> str:
    """One bounded line."""
    said = " ".join(str(error).split())[:300] or type(error).__name__
    if said.startswith("No filter named"):
        return f"{said} Right would be one of {', '.join(FILTER_NAMES)}"
    if isinstance(error, RecursionError):
        return "too deep, right would be fewer levels of brackets, macros or includes"
    return said


def _shows(html: str, cut: str) -> bool:
    return str(escape(cut)) in html


def _name_problems(name: str, files: Mapping[str, str]) -> list[str]:
    if _PART.fullmatch(name):
        return []
    match = _FILE.fullmatch(name)
    if match is None:
        return [f"{name}:1: not a template name, right would be [department/]kind.language.txt.j2 or .html.j2"]
    problems = []
    if match["kind"] not in KINDS:
        problems.append(f"{name}:1: no notice {match['kind']!r}, {_instead(match['kind'], KINDS)}")
    if match["language"] not in LANGUAGES:
        problems.append(f"{name}:1: no language {match['language']!r}, right would be one of {', '.join(LANGUAGES)}")
    if match["form"] == "html" and name.removesuffix(".html.j2") + ".txt.j2" not in files:
        problems.append(f"{name}:1: HTML without plain text, right would be a .txt.j2 beside it")
    return problems


def _compile(environment: MeteredEnvironment, name: str, source: str) -> Template:
    if len(source) > _SOURCE_LIMIT:
        raise ValueError(f"{len(source)} characters, right would be at most {_SOURCE_LIMIT}")
    return environment.get_template(name)


def _tree_problems(tree: nodes.Template, name: str, files: Mapping[str, str]) -> list[str]:
    """What compiles and yet cannot work: parts that are not there, values that are not given."""
    problems = []
    for other in meta.find_referenced_templates(tree):
        if other is None or other not in files:
            problems.append(f"{name}:1: refers to a template {other!r}, {_instead(str(other), files)}")
    match = _FILE.fullmatch(name)
    if match is not None:
        names = KINDS[match["kind"]].names
        strange = _strange(tree, names)
        unknown = meta.find_undeclared_variables(tree) if strange else ()  # which costs as much as compiling
        problems += [
            f"{name}:{node.lineno}: no value {node.name!r} for {match['kind']}, {_instead(node.name, names)}"
            for node in strange
            if node.name in unknown
        ]
    return problems


def _strange(tree: nodes.Template, names: Collection[str]) -> list[nodes.Name]:
    """Where names are used that are neither given nor of the template's own making. What Jinja2 calls undeclared
    includes top-level imports used in blocks."""
    used: list[nodes.Name] = []
    known = set(names)
    for node in tree.find_all((nodes.Name, nodes.Macro, nodes.Import, nodes.FromImport)):
        match node:
            case nodes.Name(ctx="load"):
                used.append(node)
            case nodes.Macro() | nodes.Name(ctx="store"):
                known.add(node.name)
            case nodes.Import():
                known.add(node.target)
            case nodes.FromImport():
                known |= {one if isinstance(one, str) else one[1] for one in node.names}
    return [node for node in used if node.name not in known]


def _instead(wrong: str, right: Iterable[str]) -> str:
    close = get_close_matches(wrong, list(right), 1)
    return f"did you mean {close[0]!r}?" if close else f"right would be one of {', '.join(sorted(right))}"
