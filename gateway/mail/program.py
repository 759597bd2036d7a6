"""One template, ready to run: as Jinja2 compiled it, and as one flat function where that says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from jinja2 import Template
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.utils import missing

from gateway.mail.flatten import flat_tree
from gateway.mail.sandbox import OUTPUT_LIMIT, MeteredEnvironment, metered

Values = Mapping[str, object]


class Program:
    """Runs one template. It is made flat when it is first run; and where the flat one says anything else with any of
    the samples, as Jinja2 has it for ever."""

    def __init__(
        self, environment: MeteredEnvironment, files: Mapping[str, str], template: Template, samples: Iterable[Values]
    ) -> None:
        self._plain, self._samples = template, samples
        self._environment, self._files = environment, files
        self._flat: Callable[[Values], str] | None = None
        self._tried = False

    @property
    def flat(self) -> bool:
        """Whether it runs as one function."""
        if not self._tried:
            self._flat, self._tried = self._made_flat(), True
        return self._flat is not None

    def run(self, values: Values) -> str:
        """What the template says of these values. Raises whatever it does, and OverBudget or OverflowError for too
        much."""
        if self.flat and self._flat is not None:
            with suppress(Exception):  # the other one says in which line of which file
                return _bounded(self._flat(values))
        return self.run_plain(values)

    def run_plain(self, values: Values) -> str:
        """The same as Jinja2 compiled it."""
        with metered():
            out = self._plain.render(values)
        return _bounded(out)

    def _made_flat(self) -> Callable[[Values], str] | None:
        assert self._plain.name is not None  # noqa: S101 - made of a file
        try:
            flat = _flat_function(self._environment, self._files, self._plain.name)
        except Exception:  # noqa: BLE001 - NotFlat, or whatever Jinja2 says of it: then it runs as it did
            return None
        same = (_outcome(flat, values) == _outcome(self.run_plain, values) for values in self._samples)
        return flat if all(same) else None


class _Given(dict[str, object]):
    """The values of a run; Jinja2's mark for what is not there."""

    globals: Mapping[str, object]

    def __missing__(self, name: str) -> object:
        return self.globals.get(name, missing)


class _FlatContext(Context):
    """What a flat function looks names up in: no blocks, nothing exported."""

    def __init__(self, environment: MeteredEnvironment, eval_ctx: EvalContext, values: Values) -> None:
        given = _Given(values)
        given.globals = environment.globals
        self.parent, self.vars, self.exported_vars = given, {}, set()
        self.environment, self.eval_ctx, self.name, self.blocks = environment, eval_ctx, None, {}
        self.globals_keys = set()
        self.resolve_or_missing = given.__getitem__  # type: ignore[method-assign,assignment]  # Jinja2 calls it so


def _flat_function(environment: MeteredEnvironment, files: Mapping[str, str], name: str) -> Callable[[Values], str]:
    code = environment.compile(flat_tree(environment, files, name), name, name)
    root = Template.from_code(environment, code, environment.globals).root_render_func
    eval_ctx = EvalContext(environment, name)

    def run(values: Values) -> str:
        with metered():
            return "".join(root(_FlatContext(environment, eval_ctx, values)))

    return run


def _outcome(run: Callable[[Values], str], values: Values) -> str | None:
    """None where it fails."""
    try:
        return _bounded(run(values))
    except Exception:  # noqa: BLE001 - as a template may
        return None


def _bounded(out: str) -> str:
    if len(out) * 4 > OUTPUT_LIMIT and len(out.encode("utf-8", "replace")) > OUTPUT_LIMIT:
        raise OverflowError(f"over {OUTPUT_LIMIT} octets of output")
    return out
