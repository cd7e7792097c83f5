# %% [markdown]
# # 19 · 128 bytes a face
#
# **One byte for each of 128 numbers. How far does a distance move?**
#
# "... state-of-the-art face recognition performance using only 128-bytes per face", says the paper's
# abstract, and section 5.1 that this costs no accuracy. The network gives 128 numbers of 4 bytes
# each, so three bytes of four are thrown away. This lesson throws them away, bounds what that can do
# to a distance, measures what it does, and goes on until something breaks.
#
# Twenty minutes. From the paper: the abstract and section 5.1. In the library:
# `minifacenet/embedding/quantise.py` and `minifacenet/study/bits.py`.

# %%
import csv

import numpy as np
from exercises import check, hint, solution
from show import CREDIT, HERE, axes, embeddings, faces, picture

from minifacenet.classification.verification import pair_distances
from minifacenet.classification.verification_scores import verify
from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.quantise import distances, quantise
from minifacenet.plots.style import DIFFERENT, HUES, SAME
from minifacenet.plots.tiles import gallery, tile, write
from minifacenet.study.bits import with_fewer_bits

stored = embeddings()
vectors, labels, stranger = stored["vectors"], stored["labels"], stored["stranger"]
print(f"{vectors.shape[1]} numbers of {vectors.itemsize} bytes: {vectors[0].nbytes} bytes a face")

# %% [markdown]
# For 400 faces nobody counts bytes. Whoever looks for a face among a hundred million has to read
# them all: 51 GB as they are, and 13 GB with a byte for each number, which is the difference between
# several machines and one.
#
# ## By hand
#
# Two unit vectors with four entries each (add up their squares), and, to see something, codes from
# -3 to 3. The largest entry of both, 0.7, becomes 3. So the **scale** is 3 / 0.7, and a code is the
# entry times the scale, rounded.

# %%
x, y = np.array([0.1, 0.7, -0.5, 0.5]), np.array([0.5, 0.7, -0.1, 0.5])
scale = 3 / 0.7
a, b = np.rint(scale * x).astype(int), np.rint(scale * y).astype(int)
true, whole = np.square(x - y).sum(), np.square(a - b).sum()
print(f"codes {a} and {b}")
print(f"distance of the vectors {true:.2f}")
print(f"distance of the codes {whole}; divided by the scale twice {whole / scale**2:.2f}")

# %% tags=["claim"]
from show import claim

claim("both are unit vectors", np.allclose([x @ x, y @ y], 1))
claim("0.32 has become 0.44", (round(true, 2), round(whole / scale**2, 2)) == (0.32, 0.44))
claim("8 is a whole number", whole == 8)
claim("51 and 13 GB", (round(1e8 * 512 / 1e9), round(1e8 * 128 / 1e9)) == (51, 13))

# %% [markdown]
# Two things to keep. The distance has moved, from 0.32 to 0.44. And it is now a **whole number**, 8,
# times something that is the same for all pairs.
#
# ## On faces
#
# A byte holds -127 to 127 (and -128, which has no counterpart, so nobody uses it). The scale is 127
# over the largest entry of all vectors. Here are the entries of all 400 faces.

# %%
small = quantise(vectors, "global")
step = 1 / float(small.scale)

# %% tags=["drawing"]
ax = axes(7, 2.8)
ax.hist(vectors.ravel(), np.arange(-127, 128, 4) * step, color=SAME, alpha=0.8)
for code in (-127, -64, 0, 64, 127):
    ax.axvline(code * step, color="0.4", linestyle=":", linewidth=1)
    ax.text(code * step, 1.01, str(code), transform=ax.get_xaxis_transform(), ha="center")
ax.set(xlabel="entry of a vector (on top: its code)", ylabel="how many of 51,200")
picture(
    ax,
    "A histogram of the entries of 400 embeddings: a bell around 0, with little beyond codes -64 "
    "and 64.",
)

# %%
print(f"largest entry {np.abs(vectors).max():.3f}   scale {small.scale:.1f}   step {step:.5f}")
print(f"photo 0 begins {np.round(vectors[0, :5], 4)}")
print(f"its codes      {small.codes[0, :5]}")
print(f"and back       {np.round(small.vectors[0, :5], 4)}   {small.codes[0].nbytes} bytes")

# %% tags=["claim"]
claim("19 of 20 entries lie between -64 and 64", 0.94 < np.mean(np.abs(small.codes) <= 64) < 0.98)
claim("a step is 0.0028", round(step, 4) == 0.0028)
claim("51,200 entries", vectors.size == 51_200)

# %% [markdown]
# A step is 0.0028, so an entry moves by half of that at most. (19 of 20 codes lie between -64 and
# 64: the outer half of the codes is there for few entries. More on that below.)
#
# **Guess**, and write it down: distances go from 0 to 4. Of the 79,800 pairs of these photos, how far
# does the distance move that moves most?
#
# ## The bound
#
# A guess is good, a guarantee is better. Forget faces. There are two vectors of `dim` entries, and
# both are rounded with one scale. Their squared distance was $D$ before. What is the **most** that it
# can have moved by, whatever the vectors are? By how much does one entry move, by how much a vector,
# by how much the way between two?
#
# Mind that $D$ is squared. A way of length 1 that grows by a tenth goes from $D = 1$ to 1.21, and one
# of length 2 from 4 to 4.41.
#
# ## Exercise 19.1


# %% tags=["exercise"]
def most_it_can_move(distance, dim, scale):
    """The largest |D' - D| that rounding to codes / scale can make, a float.

    distance: D, the squared distance of two vectors before. dim: how many entries they have.
    scale: that of both; an entry v becomes rint(scale * v) / scale.
    """
    raise NotImplementedError


# %%
check("19.1", most_it_can_move)

# %% [markdown]
# An entry moves by half a step at most, $1 / (2s)$ with the scale $s$. If all `dim` of them do, the
# vector moves by $\sqrt{\mathrm{dim}} / (2s)$, and two vectors that move apart by twice as much, $e$:
#
# $$e = \frac{\sqrt{\mathrm{dim}}}{s} \qquad \sqrt{D'} \le \sqrt{D} + e \qquad
# |D' - D| \le 2 \sqrt{D}\, e + e^2$$
#
# It cannot be improved: where all entries of $x - y$ are equal, and each entry of $x$ is rounded up and
# each of $y$ down, it is reached. How near do faces come to it? All pairs, and for each by how much it
# has moved.

# %%
i, j = np.triu_indices(len(vectors), k=1)
before = squared_distances(vectors.astype(np.float64))[i, j]
moved = distances(small, small)[i, j] - before
e = np.sqrt(vectors.shape[1]) / small.scale
bound = 2 * np.sqrt(before) * e + e**2
spread = np.sqrt(2 * before / 3) * step  # derived below
print(f"{len(moved):,} pairs; the largest move {np.abs(moved).max():.3f}")
print(f"largest share of its bound {np.max(np.abs(moved) / bound):.2f}; at D = 1 that is "
      f"{2 * e + e**2:.3f}")  # fmt: skip
print(f"within 2 of the spread that is derived below: {np.mean(np.abs(moved) < 2 * spread):.3f}")

# %% tags=["drawing"]
ax = axes(8, 3.6)
some = np.random.default_rng(19).permutation(len(moved))[:6000]
ax.plot(before[some], moved[some], ".", color="0.6", markersize=2, label="pairs of faces")
way = np.linspace(0, before.max(), 200)
limit = 2 * np.sqrt(way) * e + e**2
twice = 2 * np.sqrt(2 * way / 3) * step
for sign in (-1, 1):
    ax.plot(
        way, sign * limit, color=DIFFERENT, linewidth=2, label="the bound" if sign > 0 else None
    )
    ax.plot(
        way, sign * twice, "--", color=SAME, linewidth=2, label="by chance" if sign > 0 else None
    )
ax.set(xlabel="squared distance before", ylabel="by how much it moved")
ax.legend(frameon=False, loc="upper left", markerscale=5)
picture(
    ax,
    "By how much distances move, against the distance: a narrow cloud around 0, far inside the "
    "bound, and nearly all of it inside the dashed lines of two spreads.",
    quality=75,
)

# %% tags=["claim"]
claim("no pair comes near its bound", np.max(np.abs(moved) / bound) < 0.25)
claim("the largest move is below 0.02", np.abs(moved).max() < 0.02)
claim(
    "19 of 20 pairs are within two spreads", abs(np.mean(np.abs(moved) < 2 * spread) - 0.95) < 0.01
)
claim("a tenth more: 1.21 and 4.41", np.allclose([1.1**2, 2.1**2], [1.21, 4.41]))
claim("all pairs of 400", len(moved) == 79_800 == 400 * 399 // 2)

# %% [markdown]
# No pair comes near its bound: the most is a sixth of it. Why? The bound needs a conspiracy of 128
# entries, all rounded the wrong way. Rounding does not conspire. It moves an entry by something
# between $-\frac12$ and $\frac12$ of a step, each as likely, and such a number has the variance
# $\frac1{12}$. The difference of two vectors moves, in each entry, by a $\delta_k$ of variance
# $\frac{2}{12} = \frac16$ steps squared. Leave out $\delta^2$, which is tiny:
#
# $$D' - D \approx 2 \sum_k (x_k - y_k)\, \delta_k \qquad
# \mathrm{variance} = 4 \sum_k (x_k - y_k)^2 \cdot \frac{\mathrm{step}^2}{6}
# = \frac{2 D}{3}\, \mathrm{step}^2$$
#
# So the spread is $\mathrm{step} \sqrt{2D/3}$, the number of dimensions drops out, and 19 of 20 pairs
# should lie within two of it. They do: the dashed lines are not fitted to the cloud. A guarantee and an
# expectation are two things, and both are right.
#
# ## What is lost?
#
# A distance moves; does an answer? The ten strangers, 4,950 pairs, and the threshold at which one
# different pair in a hundred is accepted.

# %%
mine, people = vectors[stranger], labels[stranger]
full, same = pair_distances(mine, people)
rounded, _ = pair_distances(quantise(mine, "global").vectors, people)
threshold = verify(full, same).val_at_far[0.01].threshold
changed = int(np.sum((full <= threshold) != (rounded <= threshold)))
print(f"threshold {threshold:.3f}: of {len(full):,} answers {changed} changed")
for name, of in (("4 bytes", full), ("1 byte", rounded)):
    result = verify(of, same)
    points = ", ".join(f"{p.val:.3f} at FAR {far}" for far, p in result.val_at_far.items())
    print(f"{name:7}  AUC {result.auc:.4f}   VAL {points}")

# %% tags=["claim"]
claim("all but a few answers stay", changed <= 5)
claim("the AUC stays", abs(verify(full, same).auc - verify(rounded, same).auc) < 0.0005)

# %% [markdown]
# All but a handful of answers stay what they were, and those that change stood on the threshold. The
# paper is right, then. But was a byte needed?
#
# ## How few bits?
#
# With $b$ bits and codes as above, from $-(2^{b-1} - 1)$ to $2^{b-1} - 1$, 8 bits are -127 to 127, 4 bits are
# -7 to 7, and 2 bits are -1, 0 and 1. First the careful way. Somebody wants a **guarantee**: between *any* two
# unit vectors whose entries are at most `largest`, no squared distance may move by more than `most`.
# How many bits does 19.1 ask for? Which two unit vectors are the worst case?
#
# ## Exercise 19.2


# %% tags=["exercise"]
def guaranteed_bits(most, dim, largest):
    """The smallest whole number of bits, at least 2, for which the bound of 19.1 is at most `most`.

    most: a float above 0. dim: entries of a vector. largest: the largest entry, without its sign,
    that any of the vectors has; it becomes the largest code.
    """
    raise NotImplementedError


# %%
check("19.2", guaranteed_bits)

# %% [markdown]
# Opposite vectors are the worst: $D = 4$. For these faces, and 0.1 of distance as the most:

# %%
largest = float(np.abs(vectors).max())


def guaranteed(bits):
    """The most that a distance of two unit vectors with such entries can move by."""
    e = np.sqrt(128) * largest / (2 ** (bits - 1) - 1)
    return 4 * e + e * e


for bits in range(2, 13):
    print(f"{bits:2} bits: at most {guaranteed(bits):7.4f}", end="\n" if bits in (4, 8) else "   ")

# %% tags=["claim"]
claim("8 bits do not guarantee 0.1, and 9 do", guaranteed(9) <= 0.1 < guaranteed(8))
claim("at 4 bits the guarantee is worthless", guaranteed(4) > 2)

# %% [markdown]
# The guarantee wants 9 bits for that, and at 4 bits it allows a distance to move from one end of the
# sphere to beyond the middle: it says nothing any more. Now the other way: **measure**. The library's
# `with_fewer_bits` has no entry at 0 below 8 bits ($2^b$ levels on both sides of it), and takes the step with the
# smallest error instead of one that reaches the largest entry: so the outer codes are used, too. With one bit
# only the sign of each entry is left, 16 bytes a face.
#
# **Before you run it:** with how few bits do these strangers still have about the VAL that they have with 32?

# %%
print("bits  bytes    AUC   VAL at FAR 0.01   at 0.001")
strangers = {}
for bits in (32, 8, 6, 5, 4, 3, 2, 1):
    of = mine if bits == 32 else with_fewer_bits(mine, bits)
    strangers[bits] = verify(*pair_distances(of, people))
    vals = strangers[bits].val_at_far
    print(f"{bits:4} {bits * 128 // 8:6}  {strangers[bits].auc:.3f} {vals[0.01].val:12.2f}", end="")
    print(f" {vals[0.001].val:12.2f}   ({vals[0.001].false_accepts_allowed} false accepts allowed)")

# %% tags=["claim"]
claim(
    "fewer bits seem to help at FAR 0.001",
    strangers[4].val_at_far[0.001].val > strangers[32].val_at_far[0.001].val,
)
claim("4 of 4,500 are allowed", strangers[8].val_at_far[0.001].false_accepts_allowed == 4)
claim("one bit costs something", strangers[1].auc < strangers[32].auc - 0.002)

# %% [markdown]
# Look at the last column: with 4 bits the VAL at FAR 0.001 is *higher* than with 32. Do fewer bits help?
# No. Four false accepts are allowed, so the fifth nearest of 4,500 pairs decides, and any trembling moves it.
# A test that is this small cannot say 'without loss'; it cannot say anything at that FAR.
#
# So take a larger one: two networks that were trained on 3 million and on 500,000 photos (`minifacenet models`
# lists them), and all pairs of 1,941 photos of 1,158 people of LFW's development test. `lessons/make_bytes.py`
# in the repository measured it; standard errors come from leaving out a tenth of the people at a time, and the error
# of a *change* is that of the differences, as in lesson 15.

# %%
with (HERE / "results" / "bytes.csv").open(newline="", encoding="utf-8") as file:
    rows = [row for row in csv.DictReader(file) if row["far"] == "0.001"]
print(f"{rows[0]['photos']} photos of {rows[0]['people']} people")
lfw = {
    (row["network"], row["centred"] == "1", int(row["bits"])): {
        name: float(row[name]) for name in ("val", "error", "change", "change_error", "one_sided")
    }
    for row in rows
}


def clear(network, bits, centred=False):
    """Whether the VAL has fallen by more than two errors of its change."""
    of = lfw[network, centred, bits]
    return of["change"] < -2 * of["change_error"]


print("VAL at FAR 0.001, and what fewer bits change (!: clearly)")
for network in ("dlib_resnet", "nn4_small2"):
    for bits in (32, 8, 6, 5, 4, 3, 2, 1):
        of = lfw[network, False, bits]
        print(f"{network:11} {bits:2} bits   {of['val']:.3f} ± {of['error']:.3f}", end="   ")
        change = f"{of['change']:+.4f} ± {of['change_error']:.4f} {'!' * clear(network, bits)}"
        print(change if bits < 32 else "")

# %% tags=["claim"]
claim("8 bits cost neither anything", not clear("dlib_resnet", 8) and not clear("nn4_small2", 8))
claim(
    "dlib_resnet loses clearly with 4, 3, 2, 1", all(clear("dlib_resnet", b) for b in (4, 3, 2, 1))
)
claim("half of its VAL with one bit", lfw["dlib_resnet", False, 1]["val"] < 0.5)
claim("nn4_small2 keeps most of it", lfw["nn4_small2", False, 1]["val"] > 0.28)
claim("1,941 photos of 1,158 people", (rows[0]["photos"], rows[0]["people"]) == ("1941", "1158"))

# %% [markdown]
# 8 bits cost neither network anything that stands clear of its error. There the paper is right, on a test that
# could have said otherwise: it does see what 4 bits cost dlib_resnet. Below that the better network falls
# faster. With one bit it has lost more than half of its VAL, and nn4_small2 about a third. Why should the
# *better* one depend on its digits?
#
# Look at the signs. A sign that is the same for everybody says nothing about anybody.

# %%
for network in ("dlib_resnet", "nn4_small2"):
    print(f"{network:11} {lfw[network, False, 1]['one_sided']:.0f} of 128 entries have one sign "
          "in 95 of 100 photos")  # fmt: skip

# %% [markdown]
# dlib_resnet's faces do not lie all around the sphere: they share a large common part, their mean. Bits that
# describe it are wasted. But a distance does not know of a common part, since $(x - m) - (y - m) = x - y$. So take
# the mean $m$ of all vectors away *before* rounding. It changes no distance, and costs nothing but the mean
# itself, once. **Guess** what that is worth with one bit.

# %% tags=["drawing"]
ax = axes(7.5, 3.8)
lines = (
    ("dlib_resnet", True, "mean taken away first", "#009E73", "^-."),
    ("dlib_resnet", False, "as it is", SAME, "o-"),
    ("nn4_small2", True, "mean taken away first", DIFFERENT, "v:"),
    ("nn4_small2", False, "as it is", HUES[1], "s--"),
)
for network, centred, words, colour, mark in lines:
    few = (1, 2, 3, 4, 5, 6, 8)
    values = [lfw[network, centred, bits] for bits in few]
    ax.errorbar(
        few, [of["val"] for of in values], [of["error"] for of in values],
        fmt=mark, color=colour, capsize=3, linewidth=2, label=f"{network}, {words}",
    )  # fmt: skip
ax.set(xlabel="bits for each of 128 entries", ylabel="VAL at FAR 0.001 on LFW", ylim=(0, 1.02))
ax.legend(frameon=False, loc="lower right", fontsize=9)
picture(
    ax,
    "VAL at FAR 0.001 on LFW against bits for two networks, with the mean taken away first or not: "
    "dlib_resnet as it is falls steeply below 4 bits, and hardly before 1 bit without its mean.",
)

# %%
for network in ("dlib_resnet", "nn4_small2"):
    for bits in (4, 3, 2, 1):
        of = lfw[network, True, bits]
        print(f"{network:11} without its mean, {bits} bits: {of['val']:.3f}, ", end="")
        print(f"{of['change']:+.4f} ± {of['change_error']:.4f}")

# %% tags=["claim"]
claim(
    "one bit, and far more than without",
    lfw["dlib_resnet", True, 1]["val"] > lfw["dlib_resnet", False, 1]["val"] + 0.2,
)
claim("4 bits without the mean cost nothing that is clear", not clear("dlib_resnet", 4, True))
claim(
    "nn4_small2 gains little",
    abs(lfw["nn4_small2", True, 2]["val"] - lfw["nn4_small2", False, 2]["val"]) < 0.05,
)

# %% [markdown]
# One subtraction, and the better network does with half a byte for each number what it did with four. At one
# bit, 16 bytes a face, it is far ahead of what it was. nn4_small2's faces lie around the sphere already, and gain
# little. So 'how many bits does a face take?' has no answer of its own: it depends on the network, on what is
# rounded, and on the FAR at which you ask.
#
# ## Whole numbers
#
# Codes are good for more than room. With one scale for all, all distances are whole numbers times the same
# $1/s^2$. To **sort** by distance the whole numbers are enough, and a processor adds and multiplies small ones
# several at a time. There is a trap in it, and NumPy says nothing when you walk into it:

# %%
codes = small.codes
print("a·a by NumPy, from int8:", (codes @ codes.T)[0, 0])
print("a·a by hand:            ", sum(int(code) ** 2 for code in codes[0]))

# %% tags=["claim"]
claim("it wraps around", (codes @ codes.T)[0, 0] != sum(int(code) ** 2 for code in codes[0]))

# %% [markdown]
# An int8 times an int8 is an int8 to NumPy, and what does not fit wraps around. One product can already be as
# large as $127^2 = 16129$. How many of them fit into 16 bits, which end at 32,767? How many into 32 bits, which
# end at 2,147,483,647? And a float32 counts on exactly until $2^{24} = 16777216$: how many are that?
#
# ## Exercise 19.3
#
# All distances between two lists of codes, as whole numbers, and exactly, for faces of 128 entries and for vectors
# of a hundred thousand. How large can one of *them* become?


# %% tags=["exercise"]
def whole_distances(a, b):
    """sum_k (a_ik - b_jk)^2 for all i and j: ndarray (N, M) of whole numbers (int64).

    a: ndarray (N, D), int8, -127 to 127. b: ndarray (M, D), int8.
    """
    raise NotImplementedError


# %%
check("19.3", whole_distances)

# %% [markdown]
# Two products fit into 16 bits, 133,144 into 32, and 1,040 into a float32: for 128 entries even a product of
# float32 matrices is exact. The library's kernel adds products in 32 bits, and refuses longer vectors. A
# distance is up to four times as large as a product: it is put together in 64.
#
# Who is nearest? For each of the 400 photos, the nearest other one, by float and by whole numbers. Two shortcuts
# look right and are not: to sort by the largest $a \cdot b$, which is the same on the sphere, but the codes have left
# it; and to forget that scales differ, where every vector has its own.


# %%
def nearest(of):
    """Index of the nearest other photo, from distances (N, N)."""
    of = np.array(of, np.float64)
    np.fill_diagonal(of, np.inf)
    return of.argmin(axis=1)


def squares(codes):
    codes = codes.astype(np.int64)
    square = np.square(codes).sum(axis=1)
    return square[:, None] + square - 2 * codes @ codes.T


truth = nearest(squared_distances(vectors.astype(np.float64)))
own = quantise(vectors, "vector")
ways = {
    "whole numbers, one scale": squares(codes),
    "the largest a·b": -(codes.astype(np.int64) @ codes.T.astype(np.int64)),
    "a scale for each, scales used": distances(own, own),
    "a scale for each, forgotten": squares(own.codes),
}
agree = {}
for name, of in ways.items():
    agree[name] = int(np.sum(nearest(of) == truth))
    print(f"{name:30} the same nearest photo for {agree[name]} of 400")

# %% tags=["claim"]
claim("two in 16 bits, to 32,767", 32_767 // 127**2 == 2)
claim("133,144 in 32 bits, to 2,147,483,647", 2_147_483_647 // 127**2 == 133_144)
claim("1,040 in a float32", 2**24 // 127**2 == 1_040)
claim("whole numbers agree", agree["whole numbers, one scale"] >= 396)
claim("scales for each, too", agree["a scale for each, scales used"] >= 396)
claim("forgotten scales do not", agree["a scale for each, forgotten"] < 370)
claim("a·b is worse than distances", agree["the largest a·b"] < agree["whole numbers, one scale"])

# %% [markdown]
# Both shortcuts cost some neighbours, the second one many. Nothing warns you: the answers look like answers.
#
# And with fewer bits? The nearest photo of some strangers among all 400, a dashed frame where it is somebody else.
# **Guess**: in which row does the first dashed frame stand?

# %% tags=["drawing"]
photos = faces().images
asked = np.flatnonzero(stranger)[5::12][:8]
rows = {"photo": None, "32 bits": vectors, "4 bits": 4, "2 bits": 2, "1 bit": 1}
ax = gallery(None, (8.3, 5.1), "The nearest of 399 other photos", CREDIT, left=-1.5)
for row, (name, of) in enumerate(rows.items()):
    write(ax, -1.0, 1.12 * row, name, "0.3", fontsize=10)
    if of is not None:
        found = nearest(
            squared_distances((of if row == 1 else with_fewer_bits(vectors, of)).astype(np.float64))
        )
    for column, index in enumerate(asked):
        shown = index if of is None else found[index]
        right = labels[shown] == labels[index]
        colour, dash = ("0.6", "-") if of is None else (SAME, "-") if right else (DIFFERENT, "--")
        tile(ax, photos[shown], (1.1 * column, 1.12 * row), colour, dash)
picture(ax, "Eight faces and the nearest other photo of each with 32, 4, 2 and 1 bits.", dpi=70)

# %%
shares = {}
for bits in (32, 8, 4, 2, 1):
    of = vectors if bits == 32 else with_fewer_bits(vectors, bits)
    found = nearest(squared_distances(of.astype(np.float64)))[stranger]
    shares[bits] = np.mean(labels[found] == labels[stranger])
    print(f"{bits:2} bits: the nearest photo of a stranger shows that person {shares[bits]:.0%}, "
          f"and is that of 32 bits {np.mean(found == truth[stranger]):.0%}")  # fmt: skip

# %% tags=["claim"]
claim("the person is found about as often", min(shares.values()) > 0.8)

# %% [markdown]
# In the row of 32 bits, and there are not more of them below. With one bit it is often another photo, and
# nearly as often the right person: ten photos of each are there, and the
# nearest of them need not stay the nearest. Finding somebody among forty is easier than refusing the nearest of 4,500
# strange pairs, and so it can be had for fewer bits.
#
# In the library it is one word: `minifacenet embed FACES --model RUN --out STORE --quantised global` writes int8, and
# everything that reads a store reads it. `minifacenet study quantise FACES --model RUN --out OUT` makes the table above
# for your photos, with errors.
#
# **Try next.** Sixteen dimensions of 8 bits or 128 of one bit: both are 16 bytes. Which is better? (Lesson 15's
# `results/ablations.csv` has a network of 16 dimensions.) And why are the signs alone so good? Two vectors at an angle
# $\theta$ have different signs in a share $\theta / \pi$ of random directions: draw the number of different signs
# against the angle, for these faces, and see whether it holds.
