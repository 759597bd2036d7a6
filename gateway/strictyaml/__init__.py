"""Restricted YAML text → values with marks, and every problem as `file:line:column: path: what`.

YAML 1.2 block and flow style without its surprises: no anchors, aliases, tags, merge keys, duplicate keys, directives
or several documents; at most 32 levels, 10 MB and 500,000 values. A scalar stays text unless it is unquoted
`true`/`false`, an integer, a decimal, or `null`/`~`/nothing: `8:30`, `on`, `no`, `010` and `2026-01-01` are text.
Built on PyYAML's event stream; `yaml.compose` with the C loader overflows the stack on deep input. Pure.
"""

from gateway.strictyaml.checking import validate
from gateway.strictyaml.marks import Node, Path, Plain, Problem, StrictYamlError, Text, did_you_mean, quoted
from gateway.strictyaml.reading import decode, load

__all__ = [
    "Node",
    "Path",
    "Plain",
    "Problem",
    "StrictYamlError",
    "Text",
    "decode",
    "did_you_mean",
    "load",
    "quoted",
    "validate",
]
