"""A strict reader of Prometheus text (exposition format 0.0.4), for tests of what is written."""

from __future__ import annotations

import re
from typing import TypeAlias

Series: TypeAlias = dict[tuple[str, tuple[tuple[str, str], ...]], float]

_HELP = re.compile(r"# HELP ([a-z][a-z0-9_]*) (\S.*)")
_TYPE = re.compile(r"# TYPE ([a-z][a-z0-9_]*) (gauge|counter)")
_SAMPLE = re.compile(r"([a-z][a-z0-9_]*)\{(.*)\} (\S+)")
_LABEL = re.compile(r'([a-z][a-z0-9_]*)="((?:[^"\\]|\\[\\n"])*)"(?:,|$)')
_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\"": '"'}


def read_exposition(text: str) -> Series:
    """Every sample. Fails on what the format or the conventions for names do not allow.

    Each metric is explained, typed, then sampled, in one place; no sample is there twice.
    """
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    found: Series = {}
    seen: set[str] = set()
    while lines:
        explained, typed = _HELP.fullmatch(lines.pop(0)), _TYPE.fullmatch(lines.pop(0))
        assert explained, "HELP comes first"
        assert typed, "then TYPE"
        name = explained[1]
        assert typed[1] == name
        assert name not in seen, "a metric stands in one place"
        assert explained[2].endswith(".")
        assert name.endswith("_total") == (typed[2] == "counter")
        assert name.endswith("_seconds") or not re.search("timestamp|duration", name)
        seen.add(name)
        while lines and not lines[0].startswith("#"):
            sample = _SAMPLE.fullmatch(lines.pop(0))
            assert sample, "a sample is a name, labels and a value"
            assert sample[1] == name
            series = (name, _labels(sample[2]))
            assert series not in found, "a series has one sample"
            found[series] = float(sample[3])
    return found


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    labels = list(_LABEL.finditer(text))
    assert "".join(label[0] for label in labels) == text
    names = [label[1] for label in labels]
    assert len(set(names)) == len(names)
    plain = [re.sub(r"\\.", lambda part: _ESCAPES[part[0]], label[2]) for label in labels]
    return tuple(zip(names, plain, strict=True))
