"""What README.md and the guide say to type: the Python runs, the commands know their options."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from minifacenet import Architecture, FaceNet, Thresholds, cli, save_model
from minifacenet.embedding.checkpoint import add_to_model
from minifacenet.preprocessing.detector import Detections, Detector
from minifacenet.preprocessing.mtcnn import MTCNN

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
GUIDE = sorted((ROOT / "lessons" / "book" / "guide").glob("*.md"))
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in [README, *GUIDE])
# What would take minutes, or weights from elsewhere, and what does instead.
SMALLER = {
    "steps=100": "steps=2, people=4",
    '"KNOWN", "ALBUM"': '"KNOWN", "ALBUM", model="aligned", threshold=1.0, distance=1.0',
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def draw_faces(root: Path, people: int, photos: int, side: int) -> None:
    rng = np.random.default_rng(0)
    for person in range(people):
        (root / f"s{person}").mkdir(parents=True)
        pattern = rng.integers(60, 196, (side, side))
        for number in range(photos):
            noisy = (pattern + rng.integers(-40, 40, pattern.shape)).astype(np.uint8)
            Image.fromarray(noisy).save(root / f"s{person}" / f"{number}.png")


def make_model(run: Path, *, thresholds: bool) -> None:
    save_model(run / "model.safetensors", FaceNet.new(Architecture(channels=1)))
    if thresholds:
        held_out = Thresholds("two people", 9, 9, 1.0, {0.01: 1.0}, 1.0, 9, 9, {0.05: 1.0})
        add_to_model(run / "model.safetensors", "thresholds", held_out.as_dict())


def detect_one_face(self, photo: np.ndarray) -> Detections:
    points = [[12, 14], [28, 14], [20, 20], [13, 28], [27, 28]]
    return Detections(*(np.array([value], np.float32) for value in ([5, 5, 35, 35], 0.99, points)))


@pytest.mark.slow
@pytest.mark.parametrize("thresholds", [True, False])
def test_the_python_runs_from_the_first_block_to_the_last(tmp_path, monkeypatch, thresholds):
    monkeypatch.chdir(tmp_path)
    draw_faces(Path("data/orl"), people=8, photos=4, side=40)
    Path("PHOTOS").mkdir()
    Image.new("RGB", (40, 40), "grey").convert("L").save("PHOTOS/party.jpg")
    Path("KNOWN").mkdir()
    Image.new("RGB", (40, 40), "white").save("KNOWN/Ada Lovelace.jpg")
    make_model(Path("runs/orl"), thresholds=thresholds)
    cut = "aligned to portrait, margin 0"
    save_model("aligned/model.safetensors", FaceNet.new(Architecture(channels=1), cut=cut))
    monkeypatch.setattr(MTCNN, "load", lambda path=None: MTCNN.new(None))
    monkeypatch.setattr(Detector, "detect", detect_one_face)
    names: dict = {}
    for block in blocks("python"):
        for text, shorter in SMALLER.items():
            block = block.replace(text, shorter)
        exec(compile(block, f"guide: {block.splitlines()[-1]}", "exec"), names)
    assert len(names["crops"]) == 1
    assert names["face"].photo == "party.jpg"
    assert ("groups" in names) == thresholds
    assert Path("RUN/metrics.json").is_file()


def command_lines() -> list[list[str]]:
    """The words after `minifacenet` in the lines of shell blocks, without comments."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    called = (re.match(r"(?:\.venv/bin/)?minifacenet (.*)", line) for line in lines)
    return [shlex.split(line[1], comments=True) for line in called if line]


def parse(words: list[str], **settings) -> None:
    """Parse as the command does, without its work; `settings` are those of click's contexts."""
    command, name, above = typer.main.get_command(cli.app), "minifacenet", None
    while True:
        above = command.make_context(name, words, parent=above, **settings)
        words = [*above._protected_args, *above.args]
        if not hasattr(command, "resolve_command") or not words:
            return
        name, command, words = command.resolve_command(above, words)


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_a_command_line_is_one_that_the_parser_takes(words):
    parse(words)


def test_commands_in_the_text_have_their_options():
    spoken = [shlex.split(words) for words in re.findall(r"`minifacenet ([^`]*)`", TEXT)]
    assert len(spoken) > 3
    for words in spoken:
        if words[0] != "COMMAND":
            parse(words, resilient_parsing=True)  # a sentence may leave arguments out


def options_of(command) -> set[str]:
    found = {name for parameter in command.params for name in parameter.opts}
    return found.union(*map(options_of, getattr(command, "commands", {}).values()))


def test_an_option_in_the_text_is_one_of_some_command():
    spoken = set(re.findall(r"`(--[a-z-]+)", TEXT))
    assert spoken - options_of(typer.main.get_command(cli.app)) == set()


def figures(text: str) -> set[str]:
    """The numbers with a decimal point, with their errors, in the tables of a text."""
    rows = re.findall(r"^\|.*", text, re.MULTILINE)
    return {one for row in rows for one in re.findall(r"\d+\.\d+(?: ± \d+\.\d+)?", row)}


def test_the_figures_of_the_first_page_are_those_of_the_guide():
    first = figures(README.read_text(encoding="utf-8"))
    assert len(first) > 10
    assert first - set().union(*(figures(page.read_text("utf-8")) for page in GUIDE)) == set()


@pytest.mark.parametrize("page", [README, *GUIDE], ids=lambda page: page.stem)
def test_a_page_has_no_dead_link(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, heading = target.partition("#")
        linked = page.parent / path
        assert linked.exists() or target.startswith("https:"), target
        if heading:
            titles = re.findall(r"^#+ (.*)", linked.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
            assert heading in slugs, target


def test_the_first_page_is_one_page_and_leads_to_all_others():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 110
    assert [page.name for page in GUIDE if f"lessons/book/guide/{page.name}" not in text] == []
