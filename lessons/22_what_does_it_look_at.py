# %% [markdown]
# # 22 · What does it look at?
#
# **A network says: the same person. Which part of the face decided that?**
#
# It cannot tell you. But you can do what one does with a witness, and hide something. Slide a square over the
# photo, and see at each place how far the embedding moves. That is an occlusion map (Zeiler and Fergus, 2013):
# ten lines, nothing of the network is opened, and the picture convinces everybody. It convinces too easily. Half
# of this lesson makes the map, the other half takes it apart.
#
# Twenty minutes. The network is small, with 100,000 weights and photos of 32 x 32 pixels, trained on 30 people of ORL
# (`small_network.py`, beside this lesson); we look at the other ten, the strangers. Its weights are stored, since what is
# said here holds for *this* network: another training looks elsewhere.

# %%
import numpy as np
from exercises import check, hint, mine, solution
from show import CREDIT, axes, embeddings, faces, picture
from small_network import DIM, FILTERS, SIZE, fresh, trained

from minifacenet.classification.verification import pair_distances
from minifacenet.classification.verification_scores import verify
from minifacenet.embedding.batches import embed
from minifacenet.plots.style import DIFFERENT, HUES, SAME
from minifacenet.plots.tiles import gallery, tile, write
from minifacenet.study.figure import Figure
from minifacenet.study.pairs import StudyPairs

network, untrained = trained(), fresh(0, SIZE, FILTERS, DIM)
everybody, stranger = faces(SIZE), embeddings()["stranger"]
photos, people = everybody.images[stranger], everybody.labels[stranger]


def look(images):
    """Embeddings, ndarray (N, 64) float64, of uint8 photos (N, 32, 32, 1)."""
    return embed(network, images).astype(np.float64)


scores = verify(*pair_distances(look(photos), people))
print(f"{len(photos)} photos of {len(np.unique(people))} strangers: AUC {scores.auc:.3f}, "
      f"VAL {scores.val_at_far[0.01].val:.2f} at FAR 0.01")  # fmt: skip

# %% [markdown]
# ## Three squares
#
# Take one face, and lay a grey square of 8 x 8 pixels on it at three places: between the eyes, on the mouth, and in a
# corner of the photo where there is hardly any face. **Guess** which of them moves the embedding most.

# %%
face = photos[0]
grey = np.full_like(face, 128)
places = {"between the eyes": (10, 12), "mouth": (20, 12), "corner": (0, 24)}
covered = {}
for name, (top, left) in places.items():
    covered[name] = face.copy()
    covered[name][top : top + 8, left : left + 8] = grey[top : top + 8, left : left + 8]
    moved = np.square(look(covered[name][None]) - look(face[None])).sum()
    print(f"{name:16} covered: the embedding moves by {moved:.3f}")

# %% tags=["drawing"]
ax = gallery(None, (3.8, 0.85), "The photo, and three times a square on it", CREDIT)
for column, (name, image) in enumerate({"as it is": face, **covered}.items()):
    tile(ax, image, (1.1 * column, 0), "0.6")
    write(ax, 1.1 * column, 0.62, name, "0.3", fontsize=10)
picture(
    ax, "A face, and the same with a grey square between its eyes, on its mouth, and in a corner."
)

# %% [markdown]
# ## Exercise 22.1
#
# Now everywhere. A square of `side` pixels, its upper left corner at 0, `stride`, 2 `stride` ... in both directions, as
# long as the whole square lies in the photo. What stands in the square comes from `fill`, a picture as large as the
# photo: grey all over, or another face.


# %% tags=["exercise"]
def occlusion_map(embed, photo, side, stride, fill):
    """How far the embedding moves (squared distance) with a square at each place: ndarray (P, Q).

    embed: takes uint8 photos (N, H, W, C), gives ndarray (N, d). photo, fill: ndarrays (H, W, C),
    uint8; the photo stays as it is. Row p, column q: the square whose corner is (p, q) * stride.
    """
    raise NotImplementedError


# %%
check("22.1", occlusion_map)
# %% [markdown]
# Here are maps of five strangers, with a grey square every 2 pixels. Where it is bright, the square moved the embedding far; each map has
# its own scale. (The first line below says whose function made them.) **Guess first** where they will be bright.

# %%
SIDE, STRIDE = 8, 2
map_of = mine["22.1"]
shown = [0, 14, 24, 58, 90]
maps = {index: map_of(look, photos[index], SIDE, STRIDE, grey) for index in shown}
for index, moved in maps.items():
    top, left = np.unravel_index(moved.argmax(), moved.shape)
    print(f"photo {index:2}: at most {moved.max():.3f}, with the square's centre at row "
          f"{top * STRIDE + SIDE // 2}, column {left * STRIDE + SIDE // 2}")  # fmt: skip


# %% tags=["drawing"]
def lay_over(ax, photo, moved, title=""):
    """A face, and a map upon it: each value stands at the centre of its square."""
    edge = SIDE / 2 - STRIDE / 2
    ax.imshow(photo[..., 0], cmap="gray", vmin=0, vmax=255, extent=(0, SIZE, SIZE, 0))
    if moved is not None:
        ax.imshow(
            moved, cmap="inferno", alpha=0.62, vmin=0, vmax=moved.max(),
            extent=(edge, SIZE - edge, SIZE - edge, edge), interpolation="bilinear",
        )  # fmt: skip
    ax.set(xlim=(0, SIZE), ylim=(SIZE, 0), xticks=[], yticks=[])
    ax.set_title(title, fontsize=10, loc="left")


panels = axes(9, 3.9, columns=5, rows=2)
for column, (index, moved) in enumerate(maps.items()):
    lay_over(panels[0, column], photos[index], None)
    lay_over(panels[1, column], photos[index], moved)
panels[1, 0].set_xlabel(CREDIT, fontsize=8, color="0.4", loc="left")
picture(
    panels,
    "Five faces, and upon each its occlusion map: bright at other places in each of them, at the "
    "hair, an eye, the mouth, or the edge of the photo.",
)

# %% [markdown]
# They look as if they meant something, and every one says something else. One photo proves nothing, so take the mean over 25
# photos, every fourth of the strangers'.

# %%
some = photos[::4]
print(f"{len(some)} photos of {len(np.unique(people[::4]))} people")


def mean_map(network_of, fill):
    """The mean of the maps of 25 photos."""

    def see(images):
        return embed(network_of, images).astype(np.float64)

    return np.mean([map_of(see, photo, SIDE, STRIDE, fill) for photo in some], axis=0)


seen = {"grey": mean_map(network, grey)}
top, left = np.unravel_index(seen["grey"].argmax(), seen["grey"].shape)
print(f"brightest with the centre at row {top * STRIDE + SIDE // 2}, "
      f"column {left * STRIDE + SIDE // 2}, of 32 each")  # fmt: skip

# %% [markdown]
# ## First trap: the square
#
# A face with a grey square on it is nothing that the network has ever seen. Does it say 'here was something important' or 'here
# is something strange'? Ask again, with other squares: black; noise; and a piece of the *mean face* of the training, at the
# same place, which is the least strange thing that one can put there. If a map shows where the network looks, the four
# should agree. **Guess**: which pair agrees most?

# %%
known = everybody.images[~stranger]
mean_face = known.mean(axis=0).round().astype(np.uint8)
noise = np.random.default_rng(22).integers(0, 256, face.shape).astype(np.uint8)
fills = {"grey": grey, "mean face": mean_face, "black": np.zeros_like(face), "noise": noise}
seen = {name: seen.get(name, mean_map(network, fill)) for name, fill in fills.items()}
print("at most: ", "   ".join(f"{name} {moved.max():.2f}" for name, moved in seen.items()))


def agree(first, second):
    return np.corrcoef(seen[first].ravel(), seen[second].ravel())[0, 1]


for name in list(fills)[1:]:
    print(f"correlation of the map with grey and with {name:9} {agree('grey', name):+.2f}")

# %% tags=["drawing"]
panels = axes(9, 2.6, columns=4)[0]
for ax, (name, moved) in zip(panels, seen.items(), strict=True):
    lay_over(ax, mean_face, moved, name)
picture(
    panels,
    "Mean maps with four kinds of squares, upon the mean face: with grey the hair and the mouth are "
    "bright, with the mean face the mouth and the chin, with black and with noise nearly everything.",
)

# %% tags=["claim"]
from show import claim

claim(
    "about 100,000 weights",
    95_000 < sum(p.data.size for p in network.parameters().values()) < 105_000,
)
claim("grey and the mean face agree best", agree("grey", "mean face") > max(agree("grey", n) for n in ("black", "noise")))  # fmt: skip
claim("in part only", agree("grey", "mean face") < 0.8)
claim("black and noise move it several times as far", min(seen[n].max() for n in ("black", "noise")) > 4 * seen["grey"].max())  # fmt: skip
claim("with grey the hair is as bright as the mouth", seen["grey"][0, 5:8].mean() > 0.85 * seen["grey"][9:12, 5:8].mean())  # fmt: skip
claim("the mouth is bright in both", all(seen[n][9:12, 5:8].mean() > 0.75 * seen[n].max() for n in ("grey", "mean face")))  # fmt: skip
claim("with the mean face it is not", seen["mean face"][0, 5:8].mean() < 0.75 * seen["mean face"][9:12, 5:8].mean())  # fmt: skip

# %% [markdown]
# The square decides as much as the face. Black and noise move the embedding several times as far as grey does, wherever they
# stand: that is the strangeness. With grey the hair is as bright as the mouth. With the mean face it is not: much of the brightness
# at the top was the contrast of grey and dark hair. What stays with both is the mouth. From here on the
# square is the mean face.
#
# ## Second trap: any network has a map
#
# The same for a network with random weights, which has never learnt anything (after Adebayo and others, 2018). If its map looks as
# good, then the map shows the photo rather than the learning.

# %%
seen["untrained"] = mean_map(untrained, mean_face)
print(f"trained and untrained: correlation {agree('mean face', 'untrained'):+.2f}")
for name in ("mean face", "untrained"):
    top, left = np.unravel_index(seen[name].argmax(), seen[name].shape)
    print(f"{name:10} brightest with the centre at row {top * STRIDE + SIDE // 2}, "
          f"column {left * STRIDE + SIDE // 2}")  # fmt: skip

# %% tags=["drawing"]
panels = axes(6, 2.7, columns=2)[0]
for ax, name, title in zip(
    panels, ("mean face", "untrained"), ("trained", "untrained"), strict=True
):
    lay_over(ax, mean_face, seen[name], title)
picture(
    panels,
    "Mean maps of the trained network, brightest at the mouth, and of an untrained one, brightest at "
    "the hair.",
)

# %% tags=["claim"]
claim("they have something in common", 0.2 < agree("mean face", "untrained") < 0.7)
claim(
    "untrained: brightest at the top", seen["untrained"].argmax() // seen["untrained"].shape[1] <= 2
)
claim("trained: below the middle", seen["mean face"].argmax() // seen["mean face"].shape[1] >= 7)

# %% [markdown]
# They have something in common, which the photos alone make: light, hair, the outline. What the training has added is the
# difference: away from the hair, towards the mouth.
#
# ## Third trap: to move is not to decide
#
# So this network knows people by their mouths? A map says how far the embedding *moves*. Whether the answers get *worse* is
# another question, and it can be measured. Cover the same band of eight rows in **all** photos, with the mean face's, so that
# nobody has it, and verify all pairs again. Then the other way round: keep one band of each photo, and cover all the rest.
# **Guess**: without which band does the AUC fall most, and which band alone keeps most of it?

# %%
BANDS = {"rows 0 to 7": 0, "rows 8 to 15": 8, "rows 16 to 23": 16, "rows 24 to 31": 24}
judged = StudyPairs(people)
everything = judged.figures(look(photos))["auc"]


def told(covered):
    """AUC, what that changes, its error (leaving out a person at a time), how far vectors move."""
    area = judged.figures(look(covered))["auc"]
    change = Figure(area.value - everything.value, area.parts - everything.parts, left_out=True)
    moved = np.square(look(covered) - look(photos)).sum(axis=1).mean()
    return area.value, change.value, change.error, moved


without, alone = {}, {}
print(f"all of the photo: AUC {everything.value:.3f}")
for name, top in BANDS.items():
    band = np.s_[:, top : top + 8]
    images = photos.copy()
    images[band] = mean_face[top : top + 8]
    without[name] = told(images)
    images = np.repeat(mean_face[None], len(photos), axis=0)
    images[band] = photos[band]
    alone[name] = told(images)
for words, results in (("without", without), ("nothing but", alone)):
    for name, (area, change, error, moved) in results.items():
        print(f"{words:11} {name:13} AUC {area:.3f}   {change:+.3f} ± {error:.3f}", end="   ")
        print(f"the embedding moves by {moved:.2f}")

# %% tags=["drawing"]
ax = gallery(
    None, (5.9, 2.0), "The mean face; a photo without each band, and nothing but it", CREDIT
)
tile(ax, mean_face, (0, 0.55), "0.6")
for column, (name, top) in enumerate(BANDS.items(), start=1):
    image, rest = face.copy(), mean_face.copy()
    image[top : top + 8] = mean_face[top : top + 8]
    rest[top : top + 8] = face[top : top + 8]
    tile(ax, image, (0.3 + 1.15 * column, 0), "0.6")
    tile(ax, rest, (0.3 + 1.15 * column, 1.1), "0.6")
    write(ax, 0.3 + 1.15 * column, 1.75, name, "0.3", fontsize=9)
picture(
    ax,
    "The mean face, a photo in which one band of eight rows comes from the mean face, and photos of "
    "which one band alone is left.",
)

# %% tags=["claim"]
claim("no band is missed", all(abs(change) < 2 * error for _, change, error, _ in without.values()))
claim("each moves it by about a half", all(0.35 < of[3] < 0.75 for of in without.values()))
claim("rows 16 to 23 alone are the worst", min(alone, key=lambda n: alone[n][0]) == "rows 16 to 23")
claim("clearly worse", alone["rows 16 to 23"][1] < -2 * alone["rows 16 to 23"][2])
claim("hair or eyes alone are nearly enough", all(
    abs(alone[name][1]) < 2 * alone[name][2] for name in ("rows 0 to 7", "rows 8 to 15")
))  # fmt: skip

# %% [markdown]
# Two surprises. *No band is missed*: each moves the embedding by about a half, and none of the changes stands clear of its error. What one
# part says, another says, too. And the band with the brightest place of the map, nose and mouth, says **least** when it is left alone, while
# hair or eyes alone are nearly enough. (Mouths talk and smile. That would move an embedding, and not from one person to another; it is a guess, and
# nothing here has tested it.) The map shows what this network *reacts* to, which can be a fault as well as a reason.
#
# One more, since you may have begun to wonder. Cover the whole inner face of everybody with the mean face's: from
# brows to chin they all look alike. **Guess** the AUC.

# %%
inner = np.s_[:, 4:28, 6:26]
images = photos.copy()
images[inner] = mean_face[4:28, 6:26]
area, change, error, moved = told(images)
print(f"without the inner face: AUC {area:.3f}   {change:+.3f} ± {error:.3f}")

# %% tags=["drawing"]
ax = gallery(None, (6.0, 1.95), "Six strangers, and without their inner faces", CREDIT)
for column, index in enumerate((0, 10, 24, 46, 72, 95)):
    tile(ax, photos[index], (1.1 * column, 0), "0.6")
    tile(ax, images[index], (1.1 * column, 1.1), "0.6")
picture(
    ax,
    "Six photos, and the same with one and the same inner face: hair, ears and outline are left.",
)

# %% tags=["claim"]
claim("hardly anything is lost", abs(change) < 2 * error and area > 0.92)

# %% [markdown]
# It hardly misses the face. Hair, ears, the outline and the light of ten photos from one session are enough to tell ten strangers
# apart, so why should it have learnt faces? No map said that: each square covered too little of either. A map answers the
# question that the square asks.
#
# ## Fourth trap: two witnesses
#
# What one part says, another part says, too. How bad can that get for the map?
#
# ## Exercise 22.2
#
# Build a network that looks at two pixels of a photo, and at nothing else, and whose map is black: where both pixels are white
# (255), no grey square (128) anywhere changes its answer. But it does look: with *both* pixels covered, the answer is
# another. (No square is large enough to cover both.)


# %% tags=["exercise"]
def two_witnesses(photos, first, second):
    """One number per photo, ndarray (N,), that depends on two pixels alone.

    photos: ndarray (N, H, W, 1), uint8. first, second: (row, column) of the two pixels.
    """
    raise NotImplementedError


# %%
check("22.2", two_witnesses)

# %% [markdown]
# 'Or' hides from whoever asks one at a time. So a dark place on a map does not say that the network does not look there. It says: not
# there *alone*.
#
# ## Glasses
#
# One of the strangers, s4, wears glasses in five photos and none in the other five. Photos of one kind are near each other; between
# the kinds it is farther. Are the glasses what parts them?

# %%
paths = np.array(everybody.paths)[stranger]
one_person = np.flatnonzero([path.startswith("s4/") for path in paths])
glasses = np.isin(paths[one_person], [f"s4/{number}.png" for number in (1, 2, 3, 8, 9)])


def by_glasses(images):
    """Mean distance of two photos: both with glasses, both without, one of each."""
    vectors = look(images[one_person])
    between = np.square(vectors[:, None] - vectors).sum(axis=2)
    pair = np.triu_indices(5, k=1)
    return (
        between[np.ix_(glasses, glasses)][pair].mean(),
        between[np.ix_(~glasses, ~glasses)][pair].mean(),
        between[np.ix_(glasses, ~glasses)].mean(),
    )


PARTS = {"nothing": (0, 0), "eyes": (10, 18), "mouth": (20, 28), "forehead": (2, 10)}
excess = {}
print("covered      both with   both without   one of each   excess")
for name, (top, bottom) in PARTS.items():
    images = photos.copy()
    images[:, top:bottom, 4:28] = mean_face[top:bottom, 4:28]
    both, neither, mixed = by_glasses(images)
    excess[name] = mixed - (both + neither) / 2
    print(f"{name:9} {both:12.2f} {neither:14.2f} {mixed:13.2f} {excess[name]:8.2f}")

# %% tags=["claim"]
claim("the kinds are parted", excess["nothing"] > 0.25)
claim("eyes covered: it shrinks", excess["eyes"] < excess["nothing"])
claim("by less than a third", excess["eyes"] > 0.67 * excess["nothing"])
claim("the mouth does about the same", abs(excess["mouth"] - excess["eyes"]) < 0.05)

# %% [markdown]
# The last column is how much farther two photos are apart if one has glasses and the other has not, than two of a kind. With the eyes
# covered it shrinks. A picture of that pair with a bright spot on the glasses would now make a fine slide. But the **control** is in the next
# line: cover as many pixels at the mouth, where there are no glasses, and it shrinks about as much. The photos of the two kinds differ in
# more than glasses: look at them.

# %% tags=["drawing"]
large = faces(96).images[stranger]
ax = gallery(None, (5.0, 1.7), "s4, with glasses and without", CREDIT)
for row, kind in enumerate((glasses, ~glasses)):
    for column, index in enumerate(one_person[kind]):
        tile(ax, large[index], (1.12 * column, 1.12 * row), "0.6")
picture(
    ax,
    "Ten photos of one person: the five with glasses are nearer to the camera's axis, of the five "
    "without most are turned to a side.",
)

# %% [markdown]
# Four questions, then, for whoever shows you such a map. What stood in the square? What does the map of an untrained network look like? Did the
# answers get worse, or did the embedding only move? And what did the same square do elsewhere?
#
# **Try next.** Squares of 4 and of 16 pixels: which of the findings above survive? Paint glasses on the photos *without* them
# (two dark rings and a bridge, on landmarks from `minifacenet align`), and as many dark pixels elsewhere: that
# is the experiment that the pairs above only looked like. And a network that has learnt from 3 million photos: after
# `minifacenet get dlib_resnet`, `Embedder("dlib_resnet").transform` takes aligned photos of 150 x 150 pixels. Does it miss the inner face?
