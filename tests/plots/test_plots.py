"""Figures on tiny data: what is drawn, what the labels say, and the cases that used to surprise."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from minifacenet import plots
from minifacenet.classification.verification import pair_distances, val_far
from minifacenet.classification.verification import roc as roc_curve
from minifacenet.plots import faces as face_plots
from minifacenet.plots import training as curves
from minifacenet.training.health import StepRecord


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def records(count):
    return [StepRecord(k, 0.1, 7, 0.5, 0.4, 1.2, 1.1, 8, 0.1) for k in range(1, count + 1)]


def faces(rng, people, photos, channels=1):
    """Embeddings of length 1, images and names: well separated people."""
    labels = np.repeat([f"p{person}" for person in range(people)], photos)
    embeddings = np.repeat(rng.normal(size=(people, 8)), photos, axis=0)
    embeddings += rng.normal(size=embeddings.shape) / 10
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    images = rng.integers(0, 256, (len(labels), 6, 6, channels), dtype=np.uint8)
    return embeddings, images, labels


def words(ax):
    """All texts inside the Axes."""
    return [text.get_text() for text in ax.texts]


def title(ax):
    return ax.get_title(loc="left")


def frames(ax):
    """The coloured frame of each face: every second patch, as a white one lies below each."""
    return [
        (to_hex(patch.get_edgecolor()).upper(), patch.get_linestyle()) for patch in ax.patches[1::2]
    ]


# Training curves


def test_four_panels_or_five():
    axes = plots.training_curves(records(60), margin=0.2)
    assert axes.shape == (4,)
    assert [panel.get_xlabel() for panel in axes] == ["", "", "training step", "training step"]
    assert axes[2].get_ylabel() == axes[3].get_ylabel() == "squared L2 distance"
    assert axes[2].get_legend_handles_labels()[1] == ["d(a,n)", "d(a,p)", "d(a,p) + 0.2"]
    np.testing.assert_array_equal(axes[1].lines[0].get_ydata(), np.full(60, 50.0))  # per cent

    axes = plots.training_curves(records(60), scores=[(0, 0.5), (60, 0.91)])
    assert axes.shape == (5,)
    assert "0.910 at step 60" in title(axes[4])
    assert len({panel.get_xlim() for panel in axes}) == 1  # one x axis for all


def test_columns_do_as_well_as_records():
    names = ("step", "loss", "active", "positive_distance", "negative_distance", "spread")
    # Text, as csv.DictReader gives it.
    columns = {name: [str(getattr(record, name)) for record in records(5)] for name in names}
    for panel, other in zip(
        plots.training_curves(columns), plots.training_curves(records(5)), strict=True
    ):
        np.testing.assert_array_equal(panel.lines[0].get_xydata(), other.lines[0].get_xydata())


def test_one_step_shows_as_a_point():
    axes = plots.training_curves(records(1))
    assert axes[0].lines[1].get_marker() == "o"


def test_steps_without_a_value_leave_the_mean_alone(tmp_path):
    values = np.ones(200)
    values[50:80] = np.nan  # longer than the window
    values[100] = np.nan
    smooth = curves._smooth(values)
    assert np.isnan(smooth[60:70]).all()
    np.testing.assert_allclose(smooth[np.isfinite(smooth)], 1)
    assert np.isfinite(smooth[100])
    nothing = StepRecord(1, float("nan"), 0, 0.0, *[float("nan")] * 3, 8, 0.1)
    plots.save(plots.training_curves([nothing]), tmp_path / "nan.png")


def test_running_mean_keeps_the_mean_at_the_ends():
    values = np.arange(100.0)
    smooth = curves._smooth(values)
    np.testing.assert_allclose(smooth[2:-2], values[2:-2])  # a window of 5, centred
    assert smooth[0] == 1  # of 0, 1, 2


def test_curves_refuse_no_steps_and_a_wrong_number_of_axes():
    with pytest.raises(ValueError, match="no steps"):
        plots.training_curves([])
    with pytest.raises(ValueError, match="need 5 Axes, got 4"):
        plots.training_curves(records(3), [(1, 0.5)], ax=Figure().subplots(2, 2))


# Distances


def test_histograms_are_shares_of_their_own_kind(rng):
    distances, same = rng.random(1000) * 2, np.arange(1000) < 20
    ax = plots.distance_histograms(distances, same, threshold=0.8)
    assert isinstance(ax, Axes)
    outlines = [patch for patch in ax.patches if not patch.get_fill()]
    for outline in outlines:
        assert outline.get_data().values.sum() == pytest.approx(100)
    assert [outline.get_label() for outline in outlines] == [
        "same person (20 pairs)",
        "different people (980 pairs)",
    ]
    val, far = val_far(distances, same, 0.8)
    assert words(ax) == [f"threshold 0.80\nVAL {100 * val:.1f} %\nFAR {100 * far:.1f} %"]
    assert ax.get_xlabel() == "squared L2 distance"


@pytest.mark.parametrize("same", [True, False])
def test_histograms_of_one_kind_of_pair_say_so(same, tmp_path):
    ax = plots.distance_histograms([0.5, 0.7], [same, same], threshold=3.0)
    labels = ax.get_legend_handles_labels()[1]
    assert [label for label in labels if "(0 pairs)" in label] == [labels[1 if same else 0]]
    assert words(ax) == ["threshold 3.00\n" + ("VAL 100.0 %" if same else "FAR 100.0 %")]
    assert ax.get_xlim()[1] > 3  # the threshold stays in sight
    plots.save(ax, tmp_path / "one.png")


def test_histograms_of_equal_photos(tmp_path):
    plots.save(plots.distance_histograms([0.0, 0.0], [True, False], 0.0), tmp_path / "zero.png")


@pytest.mark.parametrize(
    ("distances", "same"), [([], []), ([0.1], [True, False]), ([[0.1]], [[True]])]
)
def test_histograms_refuse_what_does_not_fit(distances, same):
    with pytest.raises(ValueError, match="one distance and one flag"):
        plots.distance_histograms(distances, same)


# ROC


def test_roc_shows_what_is_reached_without_false_accepts():
    far, val = [0, 0, 0, 0.01, 0.5, 1], [0, 0.2, 0.4, 0.6, 0.9, 1]
    ax = plots.roc({"net": (far, val, 0.9876), "pixels": (far, val)})
    assert ax.get_xscale() == "log"
    line = ax.lines[0]
    left = ax.get_xlim()[0]
    assert 0 < left < 0.01
    np.testing.assert_allclose(line.get_xydata(), [[left, 0.4], [0.01, 0.6], [0.5, 0.9], [1, 1]])
    assert line.get_drawstyle() == "steps-post"
    assert ax.get_legend_handles_labels()[1] == ["net, AUC 0.988", "pixels", "chance"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "0.01", "0.1", "1"]


def test_roc_takes_the_curves_of_verification_and_a_perfect_one(rng, tmp_path):
    distances, same = pair_distances(*faces(rng, 3, 3)[::2])
    ax = plots.roc({"net": roc_curve(distances, same)[:2], "perfect": ([0, 0, 1], [0, 1, 1])})
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [1, 1])
    plots.save(ax, tmp_path / "roc.png")


def test_roc_refuses_no_curves():
    with pytest.raises(ValueError, match="no curves"):
        plots.roc({})


# Faces


@pytest.mark.parametrize("channels", [1, 3])
def test_map_shows_each_face_once_and_apart(rng, channels):
    ax = face_plots.embedding_map(*faces(rng, 4, 4, channels), credit="Faces: made up")
    boxes = [tuple(image.get_extent()) for image in ax.images]
    assert len(boxes) == len(set(boxes)) == 16
    assert title(ax).startswith("16 faces of 4 people")
    assert ax.get_xlabel() == "Faces: made up"
    assert len(set(frames(ax))) == 4


def test_map_is_repeatable_and_keeps_whole_people(rng):
    data = faces(rng, 6, 4)
    one, two = (face_plots.embedding_map(*data, seed=3, most=12) for _ in range(2))
    assert [i.get_extent() for i in one.images] == [i.get_extent() for i in two.images]
    assert title(one).startswith("12 of 24 faces of 3 people")


def test_people_of_one_hue_differ_in_their_dashes(rng):
    ax = face_plots.embedding_map(*faces(rng, 12, 1))
    assert len(set(frames(ax))) == 12


@pytest.mark.parametrize(("people", "photos"), [(1, 1), (1, 5), (2, 1), (1, 12)])
def test_map_of_few(rng, people, photos, tmp_path):
    ax = face_plots.embedding_map(*faces(rng, people, photos))
    assert len(ax.images) == people * photos
    assert ("one person" in title(ax)) == (people == 1)
    plots.save(ax, tmp_path / "few.png")


def test_map_of_a_collapsed_network(rng):
    _, images, labels = faces(rng, 4, 3)
    ax = face_plots.embedding_map(np.ones((12, 8)), images, labels)
    assert len({tuple(image.get_extent()) for image in ax.images}) == 12


def test_naming_sheet_puts_the_wrong_ones_first(rng):
    _, images, true = faces(rng, 3, 2)
    given = true.tolist()
    given[4] = "unknown"
    ax = face_plots.naming_sheet(images, true, given, most=3)
    assert words(ax) == ["✗ unknown\nis p2", "✓ p0", "✓ p0"]
    assert frames(ax) == [(plots.DIFFERENT, "--"), (plots.SAME, "-"), (plots.SAME, "-")]
    np.testing.assert_array_equal(ax.images[0].get_array()[..., 0], images[4, ..., 0])
    assert title(ax) == "5 of 6 faces named correctly (3 shown, the wrong ones first)"


def test_naming_sheet_with_distances_and_long_names(rng):
    _, images, _ = faces(rng, 2, 1)
    ax = face_plots.naming_sheet(images, [7, "Bartholomew the Second"], ["7", "no"], [0.25, 1.5])
    assert words(ax) == ["✗ no\nis Bartholome…", "1.50", "✓ 7", "0.25"]
    assert title(ax) == "1 of 2 faces named correctly"


def test_distance_grid_writes_the_squared_distances(rng):
    embeddings, images, labels = faces(rng, 3, 3)
    ax = face_plots.distance_grid(embeddings, images, labels, ["p2", "p0"], photos=2, threshold=0.0)
    assert len(ax.images) == 4
    rows = [6, 7], [0, 1]
    pairs = [(6, 7), (6, 0), (7, 1), (0, 1)]
    squared = {pair: ((embeddings[pair[0]] - embeddings[pair[1]]) ** 2).sum() for pair in pairs}
    expected = {f"{squared[pair]:.2f}" for pair in pairs[1:3]}  # different, above the threshold
    expected |= {f"{squared[tuple(row)]:.2f} ✗" for row in rows}  # same, above it too: wrong
    assert set(words(ax)) == expected | {"p2", "p0"}
    assert "threshold 0.00" in title(ax)


def test_distance_grid_of_uneven_rows(rng):
    embeddings, images, labels = faces(rng, 2, 3)
    few = slice(0, 4)  # three photos of p0 and one of p1
    ax = face_plots.distance_grid(embeddings[few], images[few], labels[few], ["p0", "p1"])
    assert len(ax.images) == 4
    assert len(words(ax)) == 2 + 2 + 1  # names, across, down
    assert "threshold" not in title(ax)


@pytest.mark.parametrize("people", [[], ["p0", "nobody"]])
def test_distance_grid_refuses_people_without_photos(rng, people):
    with pytest.raises(ValueError, match="expected people among the labels"):
        face_plots.distance_grid(*faces(rng, 2, 2), people)


def test_images_that_do_not_fit_are_refused(rng):
    embeddings, images, labels = faces(rng, 2, 2)
    with pytest.raises(ValueError, match=r"expected uint8 images.*float64"):
        face_plots.embedding_map(embeddings, images / 255, labels)
    with pytest.raises(ValueError, match=r"expected uint8 images.*\(0, 6, 6, 1\)"):
        face_plots.naming_sheet(images[:0], [], [])
    with pytest.raises(ValueError, match=r"there are 3 images, but \[4, 4\]"):
        face_plots.distance_grid(embeddings, images[:3], labels, ["p0"])


# All of them


def test_given_axes_are_used_and_the_settings_left_alone(rng):
    before = dict(mpl.rcParams)
    embeddings, images, labels = faces(rng, 2, 2)
    axes = Figure().subplots(2, 3).ravel()
    drawn = [
        plots.distance_histograms([0.1, 1.0], [True, False], ax=axes[0]),
        plots.roc({"a": ([0, 0.5, 1], [0, 0.5, 1])}, ax=axes[1]),
        face_plots.embedding_map(embeddings, images, labels, ax=axes[2]),
        face_plots.naming_sheet(images, labels, labels, ax=axes[3]),
        face_plots.distance_grid(embeddings, images, labels, ["p0"], ax=axes[4]),
    ]
    assert all(one is other for one, other in zip(drawn, axes[:5], strict=True))
    panels = Figure().subplots(2, 2)
    assert plots.training_curves(records(3), ax=panels)[0] is panels[0, 0]
    assert dict(mpl.rcParams) == before


def test_save_writes_a_png_and_nothing_else(tmp_path):
    path = tmp_path / "run" / "curves.png"
    for _ in range(2):  # the second replaces the first
        plots.save(plots.training_curves(records(3)), path, dpi=50)
    assert [file.name for file in path.parent.iterdir()] == ["curves.png"]
    with Image.open(path) as image:
        assert (image.format, image.width) == ("PNG", 450)


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "curves.png"
    path.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        plots.save(plots.roc({"a": ([0, 1], [0, 1])}), path)
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]
    assert path.read_bytes() == b"old"


def test_pyplot_is_never_loaded(tmp_path):
    program = (
        "import sys; from minifacenet import plots; "
        f"plots.save(plots.roc({{'a': ([0, 1], [0, 1])}}), {str(tmp_path / 'a.png')!r}); "
        "print('matplotlib.pyplot' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


# Names from outside

NAMES = ("A$AP Ke$ha", "$$", "$_$", "$ #1 $", "\x1b]0;x\x07\nzwei", "Ada")
SHOWN = {*NAMES[:4], "Ada", r"\x1b]0;x\x07\nzwei"}


def drawn(ax, path):
    """All words of a figure that can be saved."""
    plots.save(ax, path)
    texts = np.ravel(ax)[0].figure.findobj(Text)
    return {text.get_text() for text in texts if text.get_visible()}


def test_no_name_is_a_formula_or_has_signs_that_cannot_be_drawn(rng, tmp_path):
    names = np.repeat(NAMES, 2)
    embeddings, images, _ = faces(rng, len(NAMES), 2)
    given = np.roll(names, 2)
    credit = "Faces: $ACME_$\n\x1b"
    sheet = drawn(
        face_plots.naming_sheet(images, names, given, credit=credit), tmp_path / "names.png"
    )
    assert {"✗ $_$\nis $ #1 $", "✗ A$AP Ke$ha\nis $$", "✗ \\x1b]0;x\\x0…\nis Ada"} <= sheet
    assert r"Faces: $ACME_$\n\x1b" in sheet
    grid = face_plots.distance_grid(embeddings, images, names, NAMES, credit=credit)
    assert {name[:13] for name in SHOWN} <= {text[:13] for text in drawn(grid, tmp_path / "g.png")}
    drawn(face_plots.embedding_map(embeddings, images, names, credit=credit), tmp_path / "map.png")
    curve = (np.array([0.0, 0.5, 1.0]), np.array([0.1, 0.8, 1.0]))
    assert drawn(plots.roc(dict.fromkeys(NAMES, curve)), tmp_path / "roc.png") >= SHOWN


def test_a_dollar_in_a_name_is_drawn_as_wide_as_it_is(rng):
    _, images, _ = faces(rng, 2, 1)
    ax = face_plots.naming_sheet(images, ["$a$b", "Sa$b"], ["$a$b", "Sa$b"])
    ax.figure.draw_without_rendering()
    widths = [text.get_window_extent().width for text in ax.texts]
    assert widths[0] == pytest.approx(widths[1], rel=0.05)  # as a formula the two signs vanish
