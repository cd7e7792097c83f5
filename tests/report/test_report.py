"""The page of a run: its structure, what it says, and that no name becomes markup."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.classification.methods import methods_with
from minifacenet.classification.verification import pair_distances
from minifacenet.classification.verification import roc as roc_points
from minifacenet.report import Naming, confusion, write_report
from minifacenet.report.charts import corners
from minifacenet.report.confusion import confusion_matrix
from minifacenet.report.hard_pairs import hardest
from minifacenet.report.html import VOID, json_block, tag

from .run_parts import HOSTILE, NAMES, PHOTOS, make_parts, write_logs

SECTIONS = [
    "summary", "training", "known", "strangers", "naming", "map", "groups", "pairs", "settings",
]  # fmt: skip


METHODS = methods_with("nn1_mini")
KEYS = {method.key for method in METHODS}


class Page(HTMLParser):
    """A page taken apart; unbalanced elements are an error."""

    def __init__(self, page: str):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], {}
        self.feed(page)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, name, attributes):
        names = [key for key, _ in attributes]
        assert len(names) == len(set(names)), (name, names)
        self.elements.append((name, dict(attributes)))
        if name == "section":
            self.section = dict(attributes)["id"]
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attributes):
        assert "svg" in self.open, f"<{name}/> closes itself in SVG only"
        self.elements.append((name, dict(attributes)))

    def handle_endtag(self, name):
        assert self.open.pop() == name, (name, self.open)

    def handle_data(self, data):
        where = self.section if "section" in self.open else self.open[-1] if self.open else ""
        self.words.setdefault(where, []).append(data)

    def text(self, section: str) -> str:
        return " ".join(" ".join(self.words[section]).split())

    def all(self, name: str) -> list[dict]:
        return [attributes for element, attributes in self.elements if element == name]

    def values(self, *keys) -> list[str]:
        return [a[key] for _, a in self.elements for key in keys if key in a]


def written(out, parts) -> str:
    write_logs(out)
    write_report(out, parts)
    return (out / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return written(tmp_path_factory.mktemp("run") / 'a <b> & "c"', make_parts())


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


# Structure


def test_the_sections_stand_in_order_and_the_links_lead_to_them(page):
    assert [section["id"] for section in page.all("section")] == SECTIONS
    links = [a["href"] for a in page.all("a") if a["href"] != "#strangers"]
    assert links == [f"#{id}" for id in SECTIONS if id != "strangers"]


def test_the_head_names_language_title_and_viewport(page, source):
    assert source.startswith('<!doctype html>\n<html lang="en">')
    assert page.text("title") == 'a <b> & "c": 30 photos of 6 people'
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
        "meta"
    )


def test_ids_are_unique_and_every_reference_is_met(page, source):
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    targets = {value[1:] for value in page.values("href") if value.startswith("#")}
    targets |= set(re.findall(r"url\(#([^)]+)\)", source))
    assert len(targets) > 30
    assert targets <= set(ids)


def test_nothing_is_fetched(page, source):
    assert not re.search(r"https?:", source)
    for value in page.values("src", "href", "xlink:href", "srcset", "data", "action"):
        assert value.startswith(("#", "data:image/jpeg;base64,")), value[:80]
    assert not re.search(r"@import|url\((?!#)", source)


def test_the_policy_allows_our_script_only(page, source):
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    scripts = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_every_picture_has_an_alternative_text(page):
    pictures = [a for name, a in page.elements if a.get("role") == "img"]
    assert len(pictures) > 60
    assert all(picture["aria-label"].strip() for picture in pictures)
    hidden = [svg for svg in page.all("svg") if svg.get("aria-hidden") == "true"]
    others = [svg for svg in page.all("svg") if svg not in hidden]
    assert all(svg["aria-label"] for svg in others)


def test_each_photo_is_stored_once(page):
    photos = [image["href"] for image in page.all("image")]
    assert len(photos) == len(set(photos)) <= len(NAMES) * PHOTOS


def test_two_pages_of_one_run_are_equal_and_nothing_else_is_left(tmp_path, source):
    out = tmp_path / 'a <b> & "c"'
    assert written(out, make_parts()) == source
    assert {path.name for path in out.iterdir()} == {"report.html", "log.csv", "open"}


# Names are text


def test_no_name_becomes_markup(page):
    names = {name for name, _ in page.elements}
    assert not names & {"img", "b", "iframe", "object", "embed", "base", "form", "link"}
    assert not [key for _, a in page.elements for key in a if key.startswith("on")]
    assert [script.get("type") for script in page.all("script")] == ["application/json", None]


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("known", HOSTILE),
        ("known", NAMES[1]),
        ("naming", f"{HOSTILE} → {NAMES[1]}"),
        ("groups", NAMES[3]),
        ("footer", f"Photos: {HOSTILE}"),
        ("map", f"Photos: {HOSTILE}"),
    ],
)
def test_names_and_credit_are_shown_as_they_are(page, section, text):
    where = "p" if section == "footer" else section
    assert text in page.text(where)


def test_the_data_of_the_map_holds_names_as_they_are(tmp_path):
    names = (*NAMES[3:], *NAMES[:3])  # the hostile ones are strangers now
    source = written(tmp_path, make_parts(names))
    block = re.search(r'<script type="application/json" id="map-data">(.*?)</script>', source)[1]
    faces = json.loads(block)
    assert {face["name"] for face in faces} == set(NAMES[:3])
    assert faces[0]["path"].endswith(".png")
    Page(source)


def test_a_file_name_that_is_no_unicode_can_be_written(tmp_path):
    assert "Ren?" in written(tmp_path, make_parts(("Ren\udce9", *NAMES[1:])))


@given(st.text())
def test_any_text_comes_back_from_an_element_an_attribute_and_the_data(value):
    class Reader(HTMLParser):
        got, attribute = "", None

        def handle_starttag(self, name, attributes):
            self.attribute = dict(attributes)["title"]

        def handle_data(self, data):
            self.got += data

    reader = Reader()
    reader.feed(tag("p", value, title=value))
    reader.close()
    assert (reader.got, reader.attribute) == (value, value)
    block = json_block("x", {value: value})
    assert block.count("<") == 2
    assert json.loads(block[block.index(">") + 1 : -len("</script>")]) == {value: value}


# What it says


def test_the_tables_hold_the_figures_of_the_run(page):
    metrics = make_parts().metrics
    for method in METHODS:
        scores = metrics["open"][method.key]
        row = [scores["auc"], scores["eer"], scores["val_at_far_0.1"], scores["val_at_far_0.01"]]
        row = " ".join(f"{value:.3f}" for value in row)
        assert f"{method.title} {row}" in page.text("strangers")
        auc = metrics["closed"][method.key]["auc"]
        assert f"{method.title} 0.900 {auc:.3f}" in page.text("summary")
    pairs = metrics["open"]["facenet"]["pairs_different"]
    assert f"FAR 0.01 0 of {pairs}" in page.text("strangers")
    assert "training.augmentation.flip yes" in page.text("settings")
    assert "training.chunk –" in page.text("settings")
    assert "python 3.11.7" in page.text("settings")


def test_a_photo_named_wrong_stands_beside_the_nearest_of_the_other(page):
    parts = make_parts()
    assert "13 right, 2 wrong" in page.text("known")
    others = parts.known_vectors[parts.known.labels == 1]
    nearest = ((others - parts.known_vectors[0]) ** 2).sum(axis=1).min()
    assert f"taken for {NAMES[1]}: distance {nearest:.2f}" in page.text("known")


def test_naming_counts_its_four_cases(page):
    said = page.text("naming")
    assert "Of the enrolled, 13 got their name; of the strangers, 1 got one" in said
    assert f"{HOSTILE} 3 right, 1 wrong name, 1 'unknown'" in said
    assert "strangers 14 'unknown', 1 named" in said
    assert "2 people always named correctly" in said
    for title in (
        "got a name, the surest first: 1",
        "somebody else's name: 1",
        "no name, the farth",
    ):
        assert title in said


def test_groups_are_rows_the_strange_faces_marked(page):
    said = page.text("groups")
    assert "3 groups came out of 3 people; 1 photo joined none" in said
    assert "B-cubed F1" in said
    assert "6 photos, 83.3 % one person: 5 Émilie, 1 Ada" in said


def test_the_map_has_a_face_for_each_stranger_and_its_nearest_neighbours(source, page):
    parts = make_parts()
    faces = json.loads(re.search(r'id="map-data">(.*?)</script>', source)[1])
    spots = [a for a in page.all("g") if a.get("class") == "spot"]
    assert len(spots) == len(faces) == len(parts.strangers.faces)
    vectors, paths = parts.strangers.ours, parts.strangers.faces.paths
    for face, spot in zip(faces, spots, strict=True):
        assert spot["aria-label"] == f"{face['name']}, {face['path']}"
        gaps = ((vectors - vectors[paths.index(face["path"])]) ** 2).sum(axis=1)
        expected = [paths[index] for index in np.argsort(gaps)[1:6]]
        assert [faces[index]["path"] for index, _ in face["near"]] == expected
        assert [gap for _, gap in face["near"]] == pytest.approx(np.sort(gaps)[1:6], abs=6e-4)


def test_the_hardest_pairs_use_each_photo_once():
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(12, 3)), np.repeat(np.arange(4), 3)
    distances, same = pair_distances(vectors, labels)
    first, second = np.triu_indices(12, 1)
    found = hardest(np.where(same, np.inf, distances), 12, 3)
    expected, used = [], set()
    for pair in sorted(np.flatnonzero(~same), key=lambda pair: distances[pair]):
        if not {first[pair], second[pair]} & used and len(expected) < 3:
            expected.append((first[pair], second[pair]))
            used |= set(expected[-1])
    assert found == expected
    assert len(hardest(np.where(same, distances, np.inf), 12, 99)) == 4  # 3 photos: one pair each


def test_a_roc_curve_of_corners_draws_the_same_steps():
    rng = np.random.default_rng(1)
    same = rng.random(400) < 0.3
    distances = np.round(rng.random(400) + ~same / 3, 2)  # with ties
    far, val, _ = roc_points(distances, same)
    few_far, few_val = corners(far, val)
    assert len(few_far) < len(far) / 2
    for rate in far:
        assert few_val[few_far <= rate].max() == val[far <= rate].max()
    assert (few_far[0], few_far[-1], few_val[-1]) == (0, 1, 1)
    assert min(few_far[few_far > 0]) == min(far[far > 0])  # where the picture's axis begins


def test_a_long_training_is_thinned_out(tmp_path):
    write_logs(tmp_path, steps=30)
    write_report(tmp_path, make_parts())
    short = (tmp_path / "report.html").stat().st_size
    write_logs(tmp_path, steps=20_000)
    write_report(tmp_path, make_parts())
    assert (tmp_path / "report.html").stat().st_size < short + 500_000


# What is missing


def test_without_strangers_their_sections_say_so(tmp_path):
    parts = make_parts()
    metrics = {key: value for key, value in parts.metrics.items() if key != "thresholds"}
    few = replace(parts, metrics=metrics | {"open": None}, strangers=None, credit=None)
    page = Page(written(tmp_path, few))
    assert [section["id"] for section in page.all("section")] == SECTIONS
    for section in ("strangers", "map", "groups", "pairs"):
        assert "Left out: nobody was kept from the network" in page.text(section)
    assert "Left out: nobody was asked for by name" in page.text("naming")
    assert "For strangers" not in page.text("training")  # open/log.csv is an older run's
    assert "credit" not in page.values("class")


@pytest.mark.parametrize(
    ("missing", "section", "sentence"),
    [
        ("naming", "naming", "Left out: nobody was asked for by name"),
        ("groups", "groups", "Left out: the photos of the strangers were not grouped"),
    ],
)
def test_a_part_that_is_missing_alone(tmp_path, missing, section, sentence):
    page = Page(written(tmp_path, make_parts(**{missing: None})))
    assert sentence in page.text(section)
    assert "Left out" not in page.text("map") + page.text("strangers") + page.text("pairs")


def test_without_logs_thresholds_or_rates(tmp_path):
    parts = make_parts()
    metrics = {key: value for key, value in parts.metrics.items() if key != "thresholds"}
    kept = ("auc", "eer", "pairs_same", "pairs_different", "balanced_accuracy_threshold")
    metrics["open"] = {
        key: value
        if key not in KEYS
        else {k: v for k, v in value.items() if k in kept or ("at_far" in k and "dir" not in k)}
        for key, value in metrics["open"].items()
    }
    metrics["closed"] = {
        key: value if key not in KEYS else {"svm_accuracy": value["svm_accuracy"]}
        for key, value in metrics["closed"].items()
    }  # too few photos to verify
    write_report(tmp_path, replace(parts, metrics=metrics))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Left out: there is no log.csv" in page.text("training")
    assert "Left out: there is no open/log.csv" in page.text("training")
    assert "fit these very pairs best" in page.text("strangers")
    assert "DIR" not in page.text("naming")
    assert "B-cubed" not in page.text("groups")
    assert "nn1_mini (ours) 0.900 – –" in page.text("summary")


def test_nobody_named_wrong(tmp_path):
    parts = make_parts()
    page = Page(written(tmp_path, replace(parts, named=parts.known.labels)))
    assert "No photo was named wrong." in page.text("known")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"named": np.zeros(3, int)}, r"known has 15 photos, but named has 3 rows"),
        (
            {"groups": np.zeros(2, int)},
            r"strangers.faces has 15 photos, but strangers.groups has 2 rows",
        ),
        ({"vectors": {}}, r"key 'facenet', got \[\]"),
        (
            {"vectors": {"facenet": np.zeros((1, 2))}},
            r"strangers.faces has 15 photos, but strangers.vectors\['facenet'\] has 1 rows",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        make_parts(**change)


def test_a_naming_that_does_not_fit_is_refused():
    faces = make_parts().known
    names = np.full(len(faces), "Ada")
    with pytest.raises(ValueError, match=r"naming.faces has 15 photos, but naming.distance has 2"):
        Naming(faces, names, names, np.zeros(2), 0.5)


def test_the_confusion_matrix_counts_every_probe_once():
    naming = make_parts().strangers.naming
    drawn = confusion_matrix(naming)
    titles = re.findall(r"<title>(.*?) → (.*?): (\d+) of (\d+)</title>", drawn)
    assert sum(int(count) for _, _, count, _ in titles) == len(naming.faces)
    by_row = {}
    for who, _, count, total in titles:
        by_row.setdefault((who, total), []).append(int(count))
    for (_, total), counts in by_row.items():
        assert sum(counts) == int(total)
    right = naming.expected == naming.answers
    assert drawn.count('class="right"') == len(set(naming.expected[right]))
    wrong = zip(naming.expected[~right], naming.answers[~right], strict=True)
    assert drawn.count('class="wrong"') == len(set(wrong))


def test_of_many_people_the_matrix_shows_those_with_mistakes(monkeypatch):
    naming = make_parts().strangers.naming
    mistaken = naming.expected != naming.answers
    involved = set(naming.expected[mistaken]) | set(naming.answers[mistaken])
    monkeypatch.setattr(confusion, "MOST", len(involved - {"unknown"}))
    drawn = confusion_matrix(naming)
    assert drawn.count('class="wrong"') > 0
    assert f"{len(involved - {'unknown'})} of " in drawn
