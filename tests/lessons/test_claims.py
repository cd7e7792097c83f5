"""What the lessons' texts say is so: claims hold or end the build, and no number stands alone."""

import ast
import inspect
import json
from importlib.util import find_spec

import prose
import pytest
import show

from tests.conftest import need

from .test_lessons import SOURCES, build

FACTS = prose.read_facts()
EACH = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def code_of(source):
    """The code of a lesson, parsed: what a notebook shows, and what it does not."""
    shown, hidden = [], []
    for kind, tags, body in prose.cells(source.read_text(encoding="utf-8")):
        if kind == "code":
            (hidden if "claim" in tags else shown).append(body)
    return ast.parse("\n".join(shown)), ast.parse("\n".join(hidden))


def imported(tree):
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names}


@EACH
def test_a_notebook_runs_without_its_claims(source):
    shown, hidden = code_of(source)
    claims = [node for node in hidden.body if not isinstance(node, ast.ImportFrom)]
    assert len(claims) >= 3
    assert all(ast.unparse(node).startswith("claim(") for node in claims)  # they define nothing
    used = {node.id for node in ast.walk(shown) if isinstance(node, ast.Name)}
    assert not used & (imported(hidden) - imported(shown))


@EACH
def test_a_notebook_shows_nothing_of_its_claims(source):
    notebook = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        assert "claim" not in cell["metadata"].get("tags", [])
        assert cell["cell_type"] == "markdown" or "claim(" not in "".join(cell["source"])


LESSON = """# %% [markdown]
# Two and two are four.

# %%
print(2 + 2)

# %% tags=["claim"]
from show import claim

claim("two and two are {0}", 2 + 2 == {0})
"""


@pytest.mark.slow
def test_a_claim_that_does_not_hold_ends_the_build(tmp_path, monkeypatch):
    for module in ("jupytext", "nbclient", "ipykernel"):
        need(find_spec(module), f"{module} is not installed")
    told = "".join(map(inspect.getsource, (show.NotSo, show.claim)))
    (tmp_path / "show.py").write_text(told, encoding="utf-8")  # as it is, but imports nothing
    for name in set(build.SHARED) - {"show.py"}:
        (tmp_path / name).touch()
    monkeypatch.setattr(build, "HERE", tmp_path)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    source = tmp_path / "99_sums.py"
    source.write_text(LESSON.replace("{0}", "four", 1).replace("{0}", "4"), encoding="utf-8")
    cells = json.loads(build.build(source).read_text(encoding="utf-8"))["cells"]
    assert [cell["id"] for cell in cells] == ["cell-000", "cell-001"]
    assert "claim" not in json.dumps(cells)
    before = source.with_suffix(".ipynb").read_bytes()

    source.write_text(LESSON.replace("{0}", "five", 1).replace("{0}", "5"), encoding="utf-8")
    with pytest.raises(
        SystemExit, match=r"^99_sums\.py claims what is not so: two and two are five$"
    ):
        build.build(source)
    assert source.with_suffix(".ipynb").read_bytes() == before


@EACH
def test_a_number_in_the_text_is_printed_claimed_or_listed(source):
    assert prose.unsupported(source, FACTS) == []


def test_no_fact_is_listed_in_vain():
    needed = {source.name[:2]: set() for source in SOURCES}
    for source in SOURCES:
        needed[source.name[:2]] |= {number for number, _ in prose.unsupported(source, {})}
    listed = {lesson: set(facts) for lesson, facts in FACTS.items()}
    everywhere = listed.pop("all")
    for lesson, numbers in listed.items():
        assert numbers <= needed[lesson], f"facts.toml, [{lesson}]"
    for number in everywhere:
        assert any(number in numbers for numbers in needed.values()), f"facts.toml, [all]: {number}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It reaches 0.97.", []),  # printed as 0.9685
        ("It reaches 0.98.", ["0.98"]),
        ("It reaches 97 %.", []),
        ("It reaches 96 %.", ["96"]),
        ("About 1.6 billion of them.", []),  # printed as 1,608,287,104
        ("About 1.7 billion of them.", ["1.7"]),
        ("Exactly 1,608,287,104.", []),
        ("By far, 43 of them.", []),  # claimed
        ("The rate is 0.005.", []),  # in the code
        ("Work it out: $18 \\cdot 19 = 342$.", []),
        ("Work it out: $18 \\cdot 19 = 343$.", ["18", "19", "343"]),
        ("And $2 / 5^{0.75} = 0.60$.", []),
        ("In 2015, in section 3.3, Table 14, and lessons 13 and 14: 12 x 640 pixels.", []),
        ("Read `a[77]`, or [this](77.md).", []),
        ("**Try next.** Take 77.", []),
        ("The sun is 150 million km away.", []),  # listed
        ("Above it are 77 more.", ["77"]),
        ("The guide reports 0.843 ± 0.014.", []),
        ("It reports 0.843.", ["0.843"]),
    ],
)
def test_numbers(text, found, tmp_path, monkeypatch):
    (tmp_path / "quality.md").write_text("| nn1_mini | 0.843 ± 0.014 |\n", encoding="utf-8")
    monkeypatch.setattr(prose, "GUIDE", tmp_path)
    source = tmp_path / "99_x.py"
    claims = '# %% tags=["claim"]\nclaim("43 of them", rate * 1e4 > 43)\n'
    source.write_text(f"# %% [markdown]\n# {text}\n\n# %%\nrate = 0.005\n\n{claims}", "utf-8")
    outputs = [{"text": ["AUC 0.9685\n", "1,608,287,104 products\n"]}]
    source.with_suffix(".ipynb").write_text(json.dumps({"cells": [{"outputs": outputs}]}))
    facts = {"99": {"150": "million km to the sun"}}
    assert [number for number, _ in prose.unsupported(source, facts)] == found
