# %% [markdown]
# # 10 · The triplet loss
#
# **How do you tell a network what 'the same person' means, without ever telling it who anybody is?**
#
# A classifier has an output for each person, so it cannot name anybody whom it was not trained on.
# FaceNet has no such outputs. It is told one thing only, again and again, about three photos at a
# time:
#
# > the **anchor** should be closer to the **positive**, the same person, than to the **negative**,
# > somebody else, and by a **margin**.
#
# This lesson turns that sentence into a number and the number into a gradient, and looks at what the
# gradient does to six points in the plane. Ten minutes. From the paper: section 3.1 and Fig. 3. In
# the library: `minifacenet/embedding/triplet.py`.

# %%
import numpy as np
from exercises import check, hint, solution
from show import axes, embeddings, picture, play

from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.triplet import Triplets, embedding_gradient, triplet_loss
from minifacenet.plots.style import DIFFERENT, SAME

# %% [markdown]
# ## Three points
#
# An embedding is a point $e$ on the unit sphere; the paper has 128 dimensions, here we take two, and
# the sphere is a circle. All distances are **squared**: $D(i, j) = \|e_i - e_j\|^2$, from 0 (the same
# point) to 4 (opposite sides).
#
# With an anchor $a$, a positive $p$ and a negative $n$ we want
#
# $$D(a, p) + \alpha \le D(a, n)$$
#
# with the margin $\alpha = 0.2$. The loss is by how much that fails, and 0 if it does not:
#
# $$L = [\,D(a, p) - D(a, n) + \alpha\,]_+$$


# %%
def on_the_circle(*degrees):
    """Points of the unit circle, ndarray of shape (N, 2)."""
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


anchor, positive, negative = on_the_circle(90, 40, 120)
d_ap = np.square(anchor - positive).sum()
d_an = np.square(anchor - negative).sum()
print(f"D(a,p) = {d_ap:.3f}   D(a,n) = {d_an:.3f}   loss = {max(0, d_ap - d_an + 0.2):.3f}")

# %% tags=["claim"]
from show import claim

claim("the negative is closer", d_an < d_ap)
claim(
    "on the far side the loss would be 0",
    d_ap + 0.2 < np.square(anchor - on_the_circle(270)).sum(),
)

# %% [markdown]
# The negative is closer than the positive: the worst case. If it sat on the far side of the circle,
# the loss would be 0, and so would its gradient: a triplet that is already right teaches
# nothing. (That is why lesson 11 is about finding the others.)
#
# ## Exercise 10.1
#
# Write the loss of a whole list of triplets. The paper adds up the triplets; we take the **mean over
# the active ones**, those whose bracket is positive, so that the learning rate need not know how many
# there are. No active triplet: the loss is 0.


# %% tags=["exercise"]
def mean_triplet_loss(embeddings, triplets, margin):
    """The mean of [D(a,p) - D(a,n) + margin]+ over the active triplets, a float.

    embeddings: ndarray (N, d). triplets: a, p, n, three index arrays of one length.
    """
    raise NotImplementedError


# %%
check("10.1", mean_triplet_loss)

# %% [markdown]
# ## The gradient: who is pushed where?
#
# Look at the anchor first. The positive pulls at it and the negative pushes: in which direction would you
# move it, and what has the distance of the other two to do with it? For the positive and the negative it is
# simpler. And what do all three do if the triplet is right already?
#
# ## Exercise 10.2
#
# The gradient for **one** triplet, as three vectors. One number by hand before: in one dimension, with
# $a = 0$, $p = 2$ and $n = 1$, how much does $L$ grow for a small step of $p$ to the right?


# %% tags=["exercise"]
def one_triplet_gradient(a, p, n, margin):
    """dL/da, dL/dp, dL/dn of L = [||a - p||^2 - ||a - n||^2 + margin]+; each of shape (d,)."""
    raise NotImplementedError


# %%
check("10.2", one_triplet_gradient)

# %% [markdown]
# It is 4 for each unit of that step: $\|a - p\|^2 = p^2$ has the slope $2p$.
#
# For one active triplet, derive $L = \|a - p\|^2 - \|a - n\|^2 + \alpha$ by each of the three points:
#
# $$\frac{\partial L}{\partial a} = 2(n - p) \qquad
# \frac{\partial L}{\partial p} = 2(p - a) \qquad
# \frac{\partial L}{\partial n} = 2(a - n)$$
#
# A step of gradient descent goes the other way. So the positive moves **to** the anchor, the negative
# **away** from it, and the anchor by $2(p - n)$: towards the one, away from the other, all at once.
#
# Move the negative yourself. (For once it may leave the circle.) Guess first: where does it have to be for
# the arrows to vanish? And where is the anchor's arrow the longest?


# %% tags=["drawing"]
def with_negative(ax, x, y, a=anchor, p=positive):
    n = np.array([x, y])
    loss = np.square(a - p).sum() - np.square(a - n).sum() + 0.2
    steps = [2 * (p - n), 2 * (a - p), 2 * (n - a)] if loss > 0 else [np.zeros(2)] * 3
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(angle), np.sin(angle), color="0.8", linewidth=1, zorder=0)
    reach = np.sqrt(np.square(a - p).sum() + 0.2)
    ax.plot(a[0] + reach * np.cos(angle), a[1] + reach * np.sin(angle), ":", color="0.4")
    marks = zip("apn", (a, p, n), steps, (SAME, SAME, DIFFERENT), "o^s", strict=True)
    for name, point, step, colour, marker in marks:
        ax.plot(*point, marker, color=colour, markersize=8)
        ax.annotate(name, point, (7, 5), textcoords="offset points", color=colour)
        if step.any():
            arrow = {"arrowstyle": "->", "color": colour}
            ax.annotate("", point + 0.3 * step, point, arrowprops=arrow)
    ax.set(aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.3, 2.2), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_title(f"n = ({x:.2f}, {y:.2f}), loss {max(0, loss):.2f}", loc="left", fontsize=10)
    return f"With the negative at ({x:.2f}, {y:.2f}) the loss is {max(0, loss):.2f}."


play(
    with_negative,
    "Anchor a, positive p and negative n, each with an arrow that says where a step of descent would "
    "move it. A dotted circle around the anchor marks where the negative is far enough: behind it no "
    "arrow is left.",
    still=[{"x": -0.5, "y": 0.87}, {"x": -0.8, "y": 0.6}, {"x": 0.0, "y": -1.0}],
    x=(-1.5, 1.5, 0.05),
    y=(-1.2, 1.5, 0.05),
)

# %% [markdown]
# With many triplets it would be slow to add these up one by one. The library goes by way of the
# distances. Of $T$ active triplets each adds $1/T$ to the slope of its $D_{ap}$ and $-1/T$ to that of
# its $D_{an}$; collect these in a matrix $W = \partial L / \partial D$. Now $D_{ij}$ changes by
# $2(e_i - e_j)$ when $e_i$ moves, and $e_i$ is in row $i$ of $D$ and in column $i$. So with
# $S = W + W^\top$
#
# $$\frac{\partial L}{\partial e_i} = \sum_j S_{ij} \cdot 2\,(e_i - e_j)
# = 2\,\Bigl(r_i\, e_i - \sum_j S_{ij}\, e_j\Bigr) \qquad r_i = \sum_j S_{ij}$$
#
# For all embeddings at once, the rows of $E$, and with $r$ on the diagonal of a matrix $\mathrm{diag}(r)$,
# that is
#
# $$\frac{\partial L}{\partial E} = 2\,(\mathrm{diag}(r) - S)\,E$$
#
# one matrix product, whether there are ten triplets or a hundred million. Let us look at it. Where
# will the three photos of each person go? Guess before you run it.

# %%
points = on_the_circle(90, 40, 150, 120, 200, 320)
who = np.array([0, 0, 0, 1, 1, 1])  # two people, three photos each
margin = 0.2


def all_triplets(labels):
    """Every (anchor, positive, negative) of a small batch."""
    n = range(len(labels))
    found = [
        (a, p, x) for a in n for p in n for x in n if a != p and labels[a] == labels[p] != labels[x]
    ]
    return Triplets(*np.array(found).T)


def gradient(points):
    loss, active, weights = triplet_loss(squared_distances(points), all_triplets(who), margin)
    return loss, active, embedding_gradient(weights, points)


def show_circle(ax, points, arrows, title):
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(angle), np.sin(angle), color="0.8", linewidth=1, zorder=0)
    for person, colour, marker in ((0, SAME, "o"), (1, DIFFERENT, "s")):
        mine = who == person
        ax.scatter(*points[mine].T, s=70, color=colour, marker=marker, label=f"person {person}")
        for (x, y), (dx, dy) in zip(points[mine], arrows[mine], strict=True):
            ax.annotate(
                "", (x + dx, y + dy), (x, y), arrowprops={"arrowstyle": "->", "color": colour}
            )
    ax.set_title(title, loc="left", fontsize=10)
    ax.set(aspect="equal", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


# %%
panels = axes(9, 3.3, columns=3)[0]
current = points
for panel, steps in zip(panels, (0, 4, 40), strict=True):
    for _ in range(steps):
        moved = current - 0.1 * gradient(current)[2]
        current = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    loss, active, slope = gradient(current)
    show_circle(panel, current, -0.4 * slope, f"loss {loss:.2f}, {active} of 36 active")
panels[0].legend(loc="lower left", fontsize=8, frameon=False)
picture(
    panels,
    "Three photos each of two people on a circle, at three moments of gradient descent. At first "
    "they are mixed, with arrows that say where each would go; four steps later they begin to "
    "part; in the end each person's photos stand together and no arrow is left.",
)

# %% tags=["claim"]
claim("of 36 triplets", len(all_triplets(who).anchor) == 36)
claim("left: mixed up", gradient(points)[1] > 12)
claim("after 40 more nothing is active, every arrow is gone", active == 0 and not slope.any())
claim(
    "the arrows leave the circle",
    np.abs(np.linalg.norm(points - 0.4 * gradient(points)[2], axis=1) - 1).max() > 0.05,
)

# %% [markdown]
# Left: two people mixed up on a circle, and where a step of gradient descent would move each photo.
# Middle: 4 steps later. Right: after 40 more nothing is active, and every arrow is gone. Nobody told
# the points *where* to go; only who belongs together.
#
# Look at the arrows on the left once more: they leave the circle. The step does not know that
# embeddings have unit length. In the network that is the L2 layer's business, whose backward removes
# the part of the gradient that points away from the sphere (lesson 05).

# %% [markdown]
# Here is the matrix form, on the three points from the beginning. Does yours give the same rows?
# (`one_triplet_gradient(*three, 0.2)`)

# %%
three = np.stack([anchor, positive, negative])
one = Triplets(*np.array([[0], [1], [2]]))  # anchor 0, positive 1, negative 2
_, _, weights = triplet_loss(squared_distances(three), one, 0.2)
print(embedding_gradient(weights, three).round(3))

# %% [markdown]
# ## Exercise 10.3
#
# Everything here began with a matrix of all distances, `squared_distances`. How do you get $N \times N$
# numbers from $N$ rows without two loops? There is a fast way, $\|a\|^2 + \|b\|^2 - 2\, a \cdot b$, one matrix
# product. What does it say of two photos that are nearly the same, when a number has 16 digits? The check
# will ask.


# %% tags=["exercise"]
def all_squared_distances(embeddings):
    """D, ndarray (N, N): D[i, j] is the squared distance of the rows i and j. (N, d) comes in."""
    raise NotImplementedError


# %%
check("10.3", all_squared_distances)

# %% [markdown]
# ## What real triplets look like
#
# `make demo` trained nn1_mini on 30 people of the ORL faces. Here are the other ten, whom it never
# saw: all triplets of their 100 photos.

# %%
stored = embeddings()
strangers = stored["stranger"]
vectors, labels = stored["vectors"][strangers], stored["labels"][strangers]
distances = squared_distances(vectors)
same = labels[:, None] == labels
off_diagonal = ~np.eye(len(labels), dtype=bool)
gap = []
for a in range(len(labels)):
    d_ap = distances[a, same[a] & off_diagonal[a]]
    d_an = distances[a, ~same[a]]
    gap.append((d_ap[:, None] - d_an).ravel())
gap = np.concatenate(gap)
print(f"{len(gap):,} triplets; active at a margin of 0.2: {(gap > -0.2).mean():.1%}")

# %% tags=["drawing"]
ax = axes(7, 3)
bins = np.arange(-3.5, 2.01, 0.05)
ax.hist(gap[gap <= -0.2], bins=bins, color="0.75", label="satisfied: loss 0")
ax.hist(gap[gap > -0.2], bins=bins, color=DIFFERENT, label="active")
ax.axvline(-0.2, color="black", linestyle="--", linewidth=1)
ax.set_xlabel("D(a,p) - D(a,n), squared L2; active to the right of -0.2")
ax.set_ylabel("triplets")
ax.legend(frameon=False)
picture(
    ax,
    "Histogram of the gap between the distance to the positive and to the negative, over all "
    "triplets of ten strangers. Nearly all lie to the left of the margin, satisfied, with a loss "
    "of 0; only the right tail is active.",
)

# %% tags=["claim"]
claim("all triplets are in the picture", bins[0] < gap.min() and gap.max() < bins[-1])
claim("even for strangers nearly all triplets are satisfied", (gap > -0.2).mean() < 0.1)
claim("ten others, 100 photos", len(labels) == 100 and len(np.unique(labels)) == 10)

# %% [markdown]
# After training, and even for strangers, nearly all triplets are satisfied. A batch that draws its
# triplets at random would get a gradient of almost nothing. The paper's answer, mining, is the next
# lesson.
#
# **Try next.** Set `margin = 1.0` above and run the circle again: two people now have to be opposite.
# What happens with three people, who cannot all be opposite each other, and a margin of 3?
# (`lessons/results/ablations.png` shows what the margin does to a real training.)
