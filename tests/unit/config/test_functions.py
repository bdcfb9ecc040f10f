"""Every function of the language: what it gives, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keyplan.config.engine.functions import FUNCTIONS
from keyplan.diagnostics import Diagnostic

Value = Callable[..., Any]
Failure = Callable[..., Diagnostic]

DOCUMENTED = (
    "length keys values merge lookup contains concat flatten distinct sort reverse join split "
    "format replace regex lower upper trim min max coalesce try range toset tomap jsonencode "
    "jsondecode yamldecode csvdecode base64encode base64decode sha256 file templatefile duration "
    "date cidrcontains product pick index_by attributes disjoint"
)


def test_the_table_is_what_the_language_documents() -> None:
    assert set(FUNCTIONS) == set(DOCUMENTED.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("length('añb')", 3),
        ("length([1, 2])", 2),
        ("length({'a': 1})", 1),
        ("keys({'b': 1, 'a': 2})", ["a", "b"]),
        ("values({'b': 1, 'a': 2})", [2, 1]),
        ("merge({'a': 1, 'b': 1}, {'b': 2}, none)", {"a": 1, "b": 2}),
        ("lookup({'a': 1}, 'a')", 1),
        ("lookup({'a': 1}, 'b', 'd')", "d"),
        ("lookup({'a': none}, 'a', 'd')", None),
        ("contains([1, 'a'], 'a')", True),
        ("contains([1], true)", False),
        ("contains([[1]], [1])", True),
        ("concat([1], [2], [])", [1, 2]),
        ("flatten([1, [2, [3, []]], [[4]]])", [1, 2, 3, 4]),
        ("distinct([2, 1, 2, '1', true, 1.0])", [2, 1, "1", True]),
        ("distinct([[1], [1], {'a': 1}, {'a': 1}])", [[1], {"a": 1}]),
        ("sort(['b', 'a', 'B'])", ["B", "a", "b"]),
        ("sort([10, 9, 1.5])", [1.5, 9, 10]),
        ("sort([duration('1y'), duration('1d')])", ["1d", "365d"]),
        ("sort([])", []),
        ("reverse([1, 2])", [2, 1]),
        ("join('-', ['a', 1, true])", "a-1-true"),
        ("join(',', [])", ""),
        ("split('-', 'a-b')", ["a", "b"]),
        ("split('', 'ab')", ["a", "b"]),
        ("split(',', '')", [""]),
        ("format('%s-%03d-%5.1f|%-4s|%x%%', 'a', 7, 2.25, 'b', 255)", "a-007-  2.2|b   |ff%"),
        ("format('%q %v %+d %.2s', 'x', true, 5, 'abc')", '"x" true +5 ab'),
        ("format('plain')", "plain"),
        ("replace('a/b/c', '/', '-')", "a-b-c"),
        ("replace('a.b', '.', '')", "ab"),
        ("regex('[a-z]+', '12ab')", "ab"),
        ("regex('^(\\\\d+)-(x)?', '12-')", ["12", None]),
        ("regex('(?P<env>prod|dev)-(?P<n>\\\\d)', 'prod-1')", {"env": "prod", "n": "1"}),
        ("try(regex('^x', 'y'), none)", None),
        ("lower('ÄB')", "äb"),
        ("upper('äb')", "ÄB"),
        ("trim('  a ')", "a"),
        ("trim('--a-', '-')", "a"),
        ("min(3, 1.5, 2)", 1.5),
        ("max([3, 1, 2])", 3),
        ("min(duration('1d'), duration('1h'))", "1h"),
        ("coalesce(none, '', 'a', 'b')", "a"),
        ("coalesce(false, true)", False),
        ("coalesce(0, 1)", 0),
        ("try(1 / 0, {}.a.b, 'd')", "d"),
        ("try('first', 1 / 0)", "first"),
        ("range(3)", [0, 1, 2]),
        ("range(1, 7, 2)", [1, 3, 5]),
        ("range(3, 0, -1)", [3, 2, 1]),
        ("range(0)", []),
        ("toset(['b', 'a', 'b'])", ["a", "b"]),
        ("tomap({'a': 1})", {"a": 1}),
        ("jsonencode({'b': [1, 1.5, none, true], 'a': 'é\"<'})",
         '{"a":"é\\"<","b":[1,1.5,null,true]}'),
        ("jsonencode([duration('1y'), date('2027-01-31')])", '["365d","2027-01-31"]'),
        ("jsondecode('{\"a\": [1, 2.5, null, true, \"x\"]}')", {"a": [1, 2.5, None, True, "x"]}),
        ("yamldecode('a: [1, 1.10, \"x\", true, 012]\\nb:\\n')",
         {"a": [1, "1.10", "x", True, "012"], "b": None}),
        ("yamldecode('- a\\n- b')", ["a", "b"]),
        ("csvdecode('n,role\\na,\"x,y\"\\n\\nb,z\\n')",
         [{"n": "a", "role": "x,y"}, {"n": "b", "role": "z"}]),
        ("base64encode('hé')", "aMOp"),
        ("base64decode('aMOp')", "hé"),
        ("sha256('abc')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("duration('1y')", "365d"),
        ("duration(duration('90m'))", "90m"),
        ("date('2027-01-31')", "2027-01-31"),
        ("date(date('2027-01-31T10:00:00+01:00'))", "2027-01-31T09:00:00Z"),
        ("cidrcontains('10.0.0.0/8', '10.2.3.4')", True),
        ("cidrcontains('10.0.0.0/8', '10.2.0.0/16')", True),
        ("cidrcontains('10.2.0.0/16', '10.0.0.0/8')", False),
        ("cidrcontains('10.0.0.0/8', '2001:db8::1')", False),
        ("cidrcontains('2001:db8::/32', '2001:db8::1')", True),
        ("product(['a', 'b'], [1])", {"a/1": ["a", 1], "b/1": ["b", 1]}),
        ("product({'x': {'n': 1}}, ['y'])", {"x/y": [{"n": 1}, "y"]}),
        ("pick({'a': 1, 'b': 2, 'c': 3}, ['c', 'a'])", {"c": 3, "a": 1}),
        ("index_by([{'n': 'a', 'v': 1}, {'n': 'b'}], 'n')",
         {"a": {"n": "a", "v": 1}, "b": {"n": "b"}}),
        ("index_by([{'n': 1}], 'n')", {"1": {"n": 1}}),
        ("attributes({'x': {'arn': 1}, 'y': {}}, 'arn')", {"x": 1, "y": None}),
        ("attributes([{'arn': 1}], 'arn')", [1]),
        ("disjoint([1, 2], [3])", True),
        ("disjoint([1, 2], [2.0])", False),
        ("disjoint([1], [true])", True),
        ("disjoint({'a': 1}, ['a'])", False),
        ("disjoint([], [])", True),
    ],
)  # fmt: skip
def test_functions_give_what_they_document(value: Value, text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "code", "columns", "says"),
    [
        ("length(5)", "KP-EXPR-008", (8, 9), "this is a number"),
        ("length(none)", "KP-EXPR-008", (8, 12), "this is none"),
        ("keys([1])", "KP-EXPR-008", (6, 9), "a map is needed here"),
        ("merge({}, 'x')", "KP-EXPR-008", (11, 14), "a map is needed here"),
        ("lookup({'prod': 1}, 'prd')", "KP-EXPR-014", (21, 26), "no entry prd"),
        ("contains('abc', 'a')", "KP-EXPR-008", (10, 15), "a list is needed"),
        ("concat([1], 2)", "KP-EXPR-008", (13, 14), "a list is needed"),
        ("sort([1, 'a'])", "KP-EXPR-009", (1, 15), "no order"),
        ("sort([true, false])", "KP-EXPR-009", (1, 20), "no order"),
        ("join(['a'], ',')", "KP-EXPR-008", (6, 11), "text is needed"),
        ("join(',', [[1]])", "KP-EXPR-008", (11, 16), "one item is a list"),
        ("split(1, 'a')", "KP-EXPR-008", (7, 8), "text is needed"),
        ("format('%d', 'a')", "KP-EXPR-008", (1, 18), "%d needs a whole number"),
        ("format('%s')", "KP-EXPR-008", (1, 13), "no value for %s"),
        ("format('a', 1)", "KP-EXPR-008", (1, 15), "uses 0 values"),
        ("format('%k', 1)", "KP-EXPR-014", (1, 16), "not a verb"),
        ("format('%', 1)", "KP-EXPR-014", (1, 15), "not a verb"),
        ("replace('a', '', 'b')", "KP-EXPR-014", (14, 16), "empty"),
        ("regex('^x', 'y')", "KP-EXPR-014", (13, 16), "nothing matches"),
        ("regex('(a+)+$', 'a')", "KP-EXPR-014", (1, 21), "exponential"),
        ("min([])", "KP-EXPR-014", (5, 7), "empty"),
        ("max(1, 'a')", "KP-EXPR-008", (1, 12), "numbers, durations or dates"),
        ("max(true, 1)", "KP-EXPR-008", (1, 13), "a boolean"),
        ("coalesce(none, '')", "KP-EXPR-014", (1, 19), "none or empty"),
        ("try(1 / 0, {}.a.b)", "KP-EXPR-011", (12, 18), "nothing is there"),
        ("try(nope, 1)", "KP-EXPR-005", (5, 9), "nope means nothing"),
        ("try(range(1000000), 1)", "KP-EXPR-013", (5, 19), "more than"),
        ("range(1.5)", "KP-EXPR-008", (7, 10), "a whole number"),
        ("range(true)", "KP-EXPR-008", (7, 11), "a whole number"),
        ("range(0, 5, 0)", "KP-EXPR-014", (13, 14), "step is 0"),
        ("range(1, 2, 3, 4)", "KP-EXPR-008", (1, 18), "4 arguments"),
        ("jsondecode('{')", "KP-EXPR-014", (12, 15), "not JSON"),
        ('jsondecode(\'{"a": 1, "a": 2}\')', "KP-EXPR-014", (12, 30), "twice"),
        ("jsondecode('NaN')", "KP-EXPR-014", (12, 17), "not a number"),
        ("jsondecode('\"\\\\ud800\"')", "KP-EXPR-014", (12, 23), "half of a character"),
        ("jsondecode('[' * 200)", "KP-EXPR-014", (12, 21), "levels"),
        ("jsondecode('1' * 5000)", "KP-EXPR-014", (12, 22), "out of range"),
        ("jsondecode('9223372036854775808')", "KP-EXPR-013", (1, 34), "out of range"),
        ("yamldecode('a: !x 1')", "KP-EXPR-014", (12, 21), "not YAML: line 1"),
        ("yamldecode('a: [')", "KP-EXPR-014", (12, 18), "not YAML"),
        ("csvdecode('')", "KP-EXPR-014", (11, 13), "first line"),
        ("csvdecode('a,a')", "KP-EXPR-014", (11, 16), "same name"),
        ("csvdecode('a,b\\n1')", "KP-EXPR-014", (11, 19), "row 2 has 1"),
        ("csvdecode('a\\n\"b')", "KP-EXPR-014", (11, 18), "not CSV"),
        ("base64decode('!')", "KP-EXPR-014", (14, 17), "not Base64"),
        ("base64decode('/w==')", "KP-EXPR-014", (14, 20), "not text"),
        ("duration('soon')", "KP-EXPR-014", (10, 16), "write 90s"),
        ("duration(5)", "KP-EXPR-008", (10, 11), "text is needed"),
        ("date('2027-13-01')", "KP-EXPR-014", (6, 18), "month"),
        ("date('01.02.2027')", "KP-EXPR-014", (6, 18), "not a date"),
        ("cidrcontains('10.0.0.1/8', '10.0.0.1')", "KP-EXPR-014", (14, 26), "host bits"),
        ("product([{}], [1])", "KP-EXPR-008", (9, 13), "one is a map"),
        ("product(['a/b', 'a'], ['c', 'b/c'])", "KP-EXPR-014", (1, 36), "a/b/c"),
        ("pick({'prod': 1}, ['prd'])", "KP-EXPR-014", (19, 26), "no entry prd"),
        ("pick({'a': 1}, [1])", "KP-EXPR-008", (16, 19), "names are text"),
        ("index_by([{'n': 1}, {'n': 1}], 'n')", "KP-EXPR-014", (32, 35), "two items"),
        ("index_by([{'n': 1}], 'm')", "KP-EXPR-014", (22, 25), "no m"),
        ("index_by([1], 'n')", "KP-EXPR-008", (10, 13), "must be a map"),
        ("attributes({'a': 1}, 'n')", "KP-EXPR-008", (12, 20), "no attributes"),
        ("attributes('a', 'n')", "KP-EXPR-008", (12, 15), "a map or a list"),
        ("file('x')", "KP-EXPR-015", (6, 9), "cannot be read here"),
        ("templatefile('x', {})", "KP-EXPR-015", (14, 17), "cannot be read here"),
    ],
)
def test_a_wrong_argument_is_named_at_its_place(
    failure: Failure, text: str, code: str, columns: tuple[int, int], says: str
) -> None:
    problem = failure(text)
    assert problem.code == code
    assert says in problem.summary
    assert problem.position is not None
    assert (problem.position.column, problem.position.end_column) == columns


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    root = tmp_path / "stack"
    (root / "templates").mkdir(parents=True)
    (root / "plain.txt").write_text("line ${not a template}\n")
    (root / "templates" / "hello.tpl").write_text(
        'Hello ${name}%{ for x in more }, ${x}%{ endfor }!${file("tail.txt")}'
    )
    (root / "templates" / "tail.txt").write_text("(tail)")
    (root / "templates" / "broken.tpl").write_text("first\nsecond ${nme}\n")
    (root / "templates" / "syntax.tpl").write_text("a\n${ 1 + }\n")
    (root / "templates" / "self.tpl").write_text('${templatefile("self.tpl", {})}')
    (root / "templates" / "lone.tpl").write_text("${count}")
    return root


def test_file_gives_the_text_unchanged(value: Value, stack: Path) -> None:
    assert value("file('plain.txt')", root=stack) == "line ${not a template}\n"


def test_templatefile_sees_only_its_names_and_reads_beside_itself(
    value: Value, stack: Path
) -> None:
    text = "templatefile('templates/hello.tpl', {'name': var.n, 'more': ['a', 'b']})"
    assert value(text, root=stack, var={"n": "you"}) == "Hello you, a, b!(tail)"
    assert value("templatefile('templates/lone.tpl', {'count': 3})", root=stack) == "3"


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("templatefile('templates/broken.tpl', {'name': 1})", "KP-EXPR-005",
         "templates/broken.tpl:2:10"),
        ("templatefile('templates/broken.tpl', {'var': 1})", "KP-EXPR-005",
         "templates/broken.tpl:2:10"),
        ("templatefile('templates/syntax.tpl', {})", "KP-EXPR-001", "templates/syntax.tpl:2:6"),
        ("templatefile('templates/self.tpl', {})", "KP-EXPR-013", "templates/self.tpl:1:16"),
        ("file('../outside')", "KP-EXPR-015", "keyplan.yaml:1:6"),
        ("file('/etc/hostname')", "KP-EXPR-015", "keyplan.yaml:1:6"),
        ("file('missing')", "KP-EXPR-015", "keyplan.yaml:1:6"),
    ],
)  # fmt: skip
def test_errors_in_and_about_files_name_the_right_file(
    failure: Failure, stack: Path, text: str, code: str, place: str
) -> None:
    (stack.parent / "outside").write_text("secret")
    problem = failure(text, root=stack, var={})
    assert problem.code == code
    assert str(problem.position) == place
    assert "secret" not in f"{problem}"


def test_every_usage_is_what_the_function_accepts() -> None:
    assert (FUNCTIONS["range"].least, FUNCTIONS["range"].most) == (1, 3)
    assert (FUNCTIONS["lookup"].least, FUNCTIONS["lookup"].most) == (2, 3)
    assert (FUNCTIONS["merge"].least, FUNCTIONS["merge"].most) == (1, None)
    assert (FUNCTIONS["trim"].least, FUNCTIONS["trim"].most) == (1, 2)
    for name, known in FUNCTIONS.items():
        assert known.usage.startswith(f"{name}(")
