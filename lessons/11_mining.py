# %% [markdown]
# # 11 · Mining, and collapse
#
# **A batch of the paper holds 123 million triplets. Which of them are worth learning from?**
#
# Lesson 10 ended with nearly all triplets satisfied: their loss is 0, and so is their gradient. So one
# has to look for the others. The obvious answer, take the very worst ones, has a trap: from a fresh
# network they pull every face of the world to **one point**, and there it stays. This lesson shows the
# rule that the paper found instead, and the collapse itself, live, with the reason for it.
#
# Twenty minutes. From the paper: section 3.2, "Triplet Selection". In the library:
# `minifacenet/embedding/mining.py` and `training/health.py`.

# %%
import inspect
from dataclasses import replace

import numpy as np
from exercises import check, hint, solution
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from show import CREDIT, axes, embeddings, faces, measured, picture

from minifacenet import Architecture, FaceNet, TrainConfig, train
from minifacenet.classification.verification import pair_distances, val_far
from minifacenet.classification.verification_scores import auc
from minifacenet.embedding import mining
from minifacenet.embedding.batches import sample_batch, to_input
from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.mining import mine, mined_loss, semi_hard_closest
from minifacenet.embedding.triplet import embedding_gradient
from minifacenet.plots.style import DIFFERENT, HUES, SAME
from minifacenet.training.health import COLLAPSED

# %% [markdown]
# ## One pair, four negatives
#
# An anchor $a$ and a positive $p$, the same person, lie $D(a, p) = 0.5$ apart; the margin $\alpha$ is 0.2.
# Four photos of other people lie at 0.3, 0.6, 0.65 and 0.9 from the anchor. Where $D(a, n)$ falls decides
# everything:
#
# | region | where | here | loss |
# |---|---|---|---|
# | **hard** | $D(a,n) \le D(a,p)$ | 0.3 | $\alpha$ or more |
# | **semi-hard** | $D(a,p) < D(a,n) < D(a,p) + \alpha$ | 0.6, 0.65 | between 0 and $\alpha$ |
# | **easy** | $D(a,p) + \alpha \le D(a,n)$ | 0.9 | 0 |
#
# Semi-hard negatives are on the right side of the positive already, and still inside the margin.

# %%
d_ap, margin = 0.5, 0.2
for d_an in (0.3, 0.6, 0.65, 0.9):
    region = "hard" if d_an <= d_ap else "semi-hard" if d_an < d_ap + margin else "easy"
    print(f"D(a,n) = {d_an:.2f}   loss {max(0, d_ap - d_an + margin):.2f}   {region}")

# %% [markdown]
# Now with faces. Ten people whom the network of lesson 00 never saw; the anchor is one photo of s20,
# the positive another one. Every tick is a photo of somebody else, and some of them are shown:

# %%
photos, stored = faces(), embeddings()
strangers = np.flatnonzero(stored["stranger"])
vectors, labels = stored["vectors"][strangers], stored["labels"][strangers]
distances = squared_distances(vectors)
paths = [photos.paths[i] for i in strangers]
anchor, positive = paths.index("s20/9.png"), paths.index("s20/10.png")
from_anchor = distances[anchor]
d_ap, margin = from_anchor[positive], 0.2
others = np.flatnonzero(labels != labels[anchor])
others = others[from_anchor[others].argsort()]

# %% tags=["drawing"]
ax = axes(10, 3.8)


def thumbnail(index, place, colour):
    image = OffsetImage(photos.images[strangers[index], ..., 0], zoom=0.5, cmap="gray")
    frame = {"edgecolor": colour, "linewidth": 2.5, "boxstyle": "square,pad=0.02"}
    ax.add_artist(AnnotationBbox(image, place, pad=0, bboxprops=frame))


regions = (
    ("hard", 0.5, d_ap, DIFFERENT),
    ("semi-hard", d_ap, d_ap + margin, HUES[1]),
    ("easy", d_ap + margin, 1.9, HUES[2]),
)
row = 0
for name, left, right, colour in regions:
    ax.axvspan(left, right, color=colour, alpha=0.18, linewidth=0)
    ax.text((left + right) / 2, 2.45, name, ha="center", fontsize=10)
    shown, step = -1, 0.1 if name == "easy" else 0.07
    for index in others:
        d, height = from_anchor[index], 1.9 - 0.95 * (row % 2)
        if max(left, shown + step) < d < right - 0.03:
            thumbnail(index, (d, height), colour)
            ax.plot([d, d], [0, height], color=colour, linewidth=1, zorder=0)
            shown, row = d, row + 1
ax.plot(from_anchor[others], 0 * others, "|", color="black", markersize=12)
thumbnail(anchor, (0.57, -0.85), "black")
ax.text(0.63, -0.85, "anchor, at 0", va="center")
thumbnail(positive, (d_ap, -0.85), SAME)
ax.plot([d_ap, d_ap], [-0.85, 2.3], color=SAME, linewidth=2, zorder=0)
ax.text(d_ap + 0.06, -0.85, "positive, at D(a,p)", va="center", color=SAME)
ax.set(
    xlim=(0.5, 1.9), ylim=(-1.4, 2.75), yticks=[], xlabel="squared distance to the anchor, D(a,n)"
)
ax.spines["left"].set_visible(False)
ax.grid(False)
ax.figure.text(0.995, -0.03, CREDIT, ha="right", fontsize=7, color="0.4")
picture(
    ax,
    "A line of distances from one anchor, with the faces of other people as thumbnails, in three "
    "zones. Two lie nearer than the positive: hard. Some lie just behind it, within the margin: "
    "semi-hard. Most lie farther: easy.",
)

# %% tags=["claim"]
from show import claim

claim("two are hard", (from_anchor[others] <= d_ap).sum() == 2)
claim(
    "1,800 photos, 40 of each of 45 people, are 123 million triplets",
    1800 * 39 * 1760 // 10**6 == 123,
)

# %% [markdown]
# The two **hard** ones may look like good teachers. But a photo that lies closer than the anchor's own
# second photo is, in a large collection, often a wrong label or a bad crop, and it would come up at
# every step. The **easy** ones teach nothing. What is left are the **semi-hard** ones, and the paper
# takes these:
#
# > for *every* anchor-positive pair of the batch, in both orders, a semi-hard negative.
#
# It leaves open which one. We take the closest, since it violates the margin the most; a random one is an
# option. These are the library's rules:
#
# | rule | chosen for D(a,p) = 0.5 from 0.3, 0.6, 0.65, 0.9 |
# |---|---|
# | `semi-hard` | 0.6: the closest semi-hard one |
# | `semi-hard-random` | 0.6 or 0.65 |
# | `hardest` | 0.3: the closest of all |
# | `all` | 0.3, 0.6 and 0.65: all that violate the margin |
#
# ## Exercise 11.1
#
# Write the selector. Three loops are fine: the check compares triplet by triplet, on batches full of
# equal distances.


# %% tags=["exercise"]
def semi_hard_triplets(distances, labels, margin):
    """For every ordered pair (a, p) its closest semi-hard negative n, if there is one.

    distances: ndarray (N, N), squared. labels: (N,), a number for each person.
    Returns a list of tuples (a, p, n), in the order of a, then p; of equally close n the first.
    """
    raise NotImplementedError


# %%
check("11.1", semi_hard_triplets)

# %% [markdown]
# The library's kernel has the same three loops, compiled. A thread owns an anchor's row, so no two
# threads ever write to the same place (lesson 06):

# %%
print(inspect.getsource(mining._closest_semi_hard.py_func))

# %%
found = semi_hard_closest(distances, labels, 0.2)
print(f"{len(found)} of {int((labels[:, None] == labels).sum()) - len(labels)} pairs have one")
mine_is = (found.anchor == anchor) & (found.positive == positive)
print(f"the pair in the picture gets {paths[int(found.negative[mine_is][0])]}")

# %% [markdown]
# ## Before and after training
#
# How large are the three regions? All triplets of the ten strangers, once seen by a fresh network (at 32
# pixels, for speed) and once by the trained one:


# %%
def regions_of(distances, labels, margin=0.2):
    """Shares of all triplets: hard, semi-hard, easy."""
    same, itself = labels[:, None] == labels, np.eye(len(labels), dtype=bool)
    gaps = [
        (distances[a, ~same[a]][None] - distances[a, same[a] & ~itself[a]][:, None]).ravel()
        for a in range(len(labels))
    ]
    gap = np.concatenate(gaps)
    return (gap <= 0).mean(), ((gap > 0) & (gap < margin)).mean(), (gap >= margin).mean()


small = faces(32)
known = np.flatnonzero(~stored["stranger"])
people = replace(small, images=small.images[known], labels=small.labels[known])  # the other thirty
fresh = FaceNet.new(Architecture("nn1_mini", size=32, channels=1), seed=0).network
start = squared_distances(fresh.forward(to_input(small.images[strangers])))
print("            hard  semi-hard   easy")
for name, matrix in (("fresh", start), ("trained", distances)):
    shares = regions_of(matrix, labels)
    print(f"{name:8} {shares[0]:7.1%} {shares[1]:9.1%} {shares[2]:8.1%}")

# %% tags=["claim"]
claim("fresh: no triplet is easy", regions_of(start, labels)[2] < 0.001)
claim("trained: fewer than one in ten violates the margin", regions_of(distances, labels)[2] > 0.9)

# %% [markdown]
# A fresh network lays all faces so close together that no triplet is easy: each violates the margin. After training, and even for people it never saw, fewer than one in ten still violates it.
#
# ## Live: the collapse
#
# Two training runs on the other thirty people, from the same weights, on the same batches, with the
# same optimizer. The only difference is the rule. (Both are nn1_mini at 32 pixels, with 10 people x 5
# photos and 60 steps. The last digits differ from machine to machine.) Where will the loss of `hardest` end?

# %%
logs, networks = {}, {}
for rule in ("semi-hard", "hardest"):
    networks[rule] = FaceNet.new(Architecture("nn1_mini", size=32, channels=1), seed=0).network
    config = TrainConfig(steps=60, people=10, photos=5, mining=rule, augmentation=None)
    logs[rule] = list(train(networks[rule], people, config))
    print(f"{rule:9}: {logs[rule][-1].state}")

# %% tags=["drawing"]
panels = axes(9, 3.2, columns=2)[0]
for (rule, log), colour, dash in zip(logs.items(), (SAME, DIFFERENT), ("-", "--"), strict=True):
    step = [record.step for record in log]
    panels[0].plot(step, [r.loss for r in log], dash, color=colour, label=rule)
    panels[1].semilogy(step, [r.spread for r in log], dash, color=colour, label=rule)
panels[0].axhline(0.2, color="0.4", linestyle=":", linewidth=1)
panels[0].text(60, 0.203, "the margin", ha="right", fontsize=9, color="0.4")
panels[0].set(xlabel="training step", ylabel="loss", ylim=(0, 0.25))
panels[1].axhline(2, color="0.4", linestyle=":", linewidth=1)
panels[1].text(60, 2.2, "random points: 2", ha="right", fontsize=9, color="0.4")
panels[1].axhline(COLLAPSED, color="0.4", linestyle=":", linewidth=1)
panels[1].text(60, COLLAPSED * 1.15, "collapsed below", ha="right", fontsize=9, color="0.4")
panels[1].set(xlabel="training step", ylabel="spread (logarithmic)", ylim=(1e-5, 5))
for panel in panels:
    panel.legend(frameon=False, loc="lower left")
    panel.spines[["top", "right"]].set_visible(False)
picture(
    panels,
    "Loss and spread of two trainings. With semi-hard negatives the loss falls and the spread "
    "rises towards 2. With the hardest the loss stays flat on the margin, and the spread falls "
    "within a few steps to far below the line that says collapsed.",
)

# %% tags=["claim"]
claim("semi-hard learns", logs["semi-hard"][-1].state == "learning")
claim("hardest collapses", all(record.state == "collapsed" for record in logs["hardest"][-20:]))
claim("within a few steps", min(record.spread for record in logs["hardest"][:15]) < COLLAPSED)
claim("flat on the margin", all(abs(r.loss - 0.2) < 0.02 for r in logs["hardest"][-20:]))

# %% [markdown]
# The **spread** is the mean squared distance of all pairs of a batch. Within a few steps `hardest` has
# drawn all faces together, and its loss lies **flat on the margin**. It has to: with all distances 0,
#
# $$L = D(a,p) - D(a,n) + \alpha = 0 - 0 + \alpha$$
#
# and the gradient there is $2(n - p) = 0$, $2(p - a) = 0$, $2(a - n) = 0$. A collapsed network gets no
# signal to leave. (The paper calls a collapsed model "f(x) = 0". Taken by the letter that cannot be, since
# $\|f(x)\| = 1$ is enforced: what happens is that all embeddings become equal.)
#
# ## Exercise 11.2
#
# The loss lay flat and said nothing; the spread fell at once. Write this alarm: the spread of a batch. Would
# the length of the embeddings be an alarm, too? What is it for a collapsed network?


# %% tags=["exercise"]
def spread(embeddings):
    """The mean squared distance over all pairs of different rows. embeddings: ndarray (N, d)."""
    raise NotImplementedError


# %%
check("11.2", spread)

# %% [markdown]
# ## Why do the hardest ones pull together?
#
# Look at the two forces of a triplet (lesson 10). The positive is **pulled** with $2 \|a - p\|$, the
# negative is **pushed** with $2 \|a - n\|$: each in proportion to its distance. A hard negative is closer
# than the positive, so the push is *weaker* than the pull. A semi-hard one is farther by definition, so the
# push wins, each time. Measure it on the first batch of the fresh network, and take one small step on the
# embeddings themselves:

# %%
rng = np.random.default_rng(0)
batch = sample_batch(people.labels, 10, 5, rng)
points, who = fresh.forward(to_input(people.images[batch])), people.labels[batch]
matrix = squared_distances(points)


def spread_of(points):
    n = len(points)
    return squared_distances(points).sum() / (n * (n - 1))


first_step = {}
for rule in ("semi-hard", "semi-hard-random", "hardest"):
    a, p, n = mine(matrix, who, 0.2, rule, rng)
    pull, push = np.sqrt(matrix[a, p]).mean(), np.sqrt(matrix[a, n]).mean()
    _, _, weights = mined_loss(matrix, who, 0.2, rule, rng)
    moved = points - 0.5 * embedding_gradient(weights, points)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    change = spread_of(moved) / spread_of(points) - 1
    first_step[rule] = pull / push, change
    print(f"{rule:17} pull / push {pull / push:.2f}   spread after a step: {change:+.1%}")

# %% tags=["claim"]
claim(
    "semi-hard ones push, and the cloud grows",
    all(
        ratio < 0.99 and change > 0
        for rule, (ratio, change) in first_step.items()
        if "semi" in rule
    ),
)
claim("the hardest pull, and it shrinks", first_step["hardest"][0] > 1.05)
claim("it shrinks", first_step["hardest"][1] < 0)

# %% [markdown]
# Above 1 the cloud shrinks, below 1 it grows. That is how it begins. Is it bound to end in a point? Let
# the 50 embeddings go on as *free* points, each moved by its own gradient, with no network behind them:

# %%
freed = {}
for rule in ("semi-hard", "hardest"):
    free = points
    for _ in range(200):
        _, _, weights = mined_loss(squared_distances(free), who, 0.2, rule, rng)
        free = free - 0.5 * embedding_gradient(weights, free)
        free /= np.linalg.norm(free, axis=1, keepdims=True)
    loss, _, _ = mined_loss(squared_distances(free), who, 0.2, rule, rng)
    growth = spread_of(free) / spread_of(points)
    freed[rule] = loss, growth
    print(f"{rule:9} free points after 200 steps: loss {loss:.2f}, spread x {growth:.0f}")

# %% tags=["claim"]
claim(
    "they find their way out, under both rules",
    all(loss < 0.02 and growth > 2 for loss, growth in freed.values()),
)

# %% [markdown]
# Free points find their way out, under both rules. A network does not have their freedom: its weights
# are shared by all faces, and a fresh one sees hardly a difference between two of them. What moves all
# faces alike is easy for it, what moves two similar ones apart is hard. So the inward drift of the first
# steps wins, and at the end of it waits the point without a gradient.
#
# ## A loss of 0 has two meanings
#
# What would `semi-hard` say of a collapsed network? With all distances 0 no negative is *strictly* farther
# than the positive, so there is no triplet, the step changes nothing, and the loss is reported as 0. The
# same 0 as of a network that has solved everything:

# %%
one_point = np.tile(points[:1], (50, 1))
corners = np.eye(10)[np.unique(who, return_inverse=True)[1]]  # a corner of its own for each person
for name, embedding in (("collapsed", one_point), ("solved", corners)):
    d = squared_distances(embedding)
    values = []
    for rule in ("semi-hard", "hardest", "all"):
        loss, active, _ = mined_loss(d, who, 0.2, rule, rng)
        values.append(f"{rule} {loss:.1f}")
    print(f"{name:10} loss: {', '.join(values)}; spread {spread_of(embedding):.2f}")

# %% [markdown]
# So **never watch the loss alone**. The library's records carry the spread of every batch, name the
# state, 'learning', 'solved', 'collapsed' or 'stuck', and `minifacenet train --stop-collapsed 50` ends a
# hopeless run.

# %% [markdown]
# ## Collapsed, but not empty
#
# A surprise at the end. `lessons/results/ablations.csv` has longer runs of both rules, 150 steps with
# all pixels, from three seeds. Here is their AUC for strangers: how often a pair of one person lies nearer
# than a pair of two people. Guessing gives 0.5.

# %%
stored_runs = measured("ablations.csv")
runs = {
    "semi-hard": stored_runs["default", "default"],
    "hardest": stored_runs["mining rule", "hardest"],
}
for rule, run in runs.items():
    print(f"{rule:9} spread {run['spread'].round(5)}   AUC {run['auc'].round(3)}")

# %% tags=["claim"]
claim("hardest collapsed", (runs["hardest"]["spread"] < 0.001).all())
claim("worse", (runs["hardest"]["auc"] < runs["semi-hard"]["auc"]).all())
claim("far from the 0.5 of guessing", (runs["hardest"]["auc"] > 0.9).all())

# %% [markdown]
# Under `hardest` all of them collapsed. They tell strangers apart worse, but far better than guessing.
# The cloud has shrunk to a point, but inside of it the faces still lie in order, and an AUC asks for
# nothing but the order. A fixed threshold, such as lesson 00's, asks for more. Our two little networks,
# on the strangers:

# %%
judged = {}
for rule, network in networks.items():
    answers = network.forward(to_input(small.images[strangers]))
    d, same = pair_distances(answers, labels)
    judged[rule] = auc(d, same), val_far(d, same, 1.0)[1]
    print(f"{rule:9} AUC {judged[rule][0]:.2f}, ", end="")
    print(f"different people accepted at D <= 1: {judged[rule][1]:.0%}")

# %% tags=["claim"]
claim("collapsed: the order is there", judged["hardest"][0] > 0.65)
claim("collapsed: everybody is accepted", judged["hardest"][1] == 1)
claim("not collapsed: few others are", judged["semi-hard"][1] < 0.4)

# %% [markdown]
# After a collapse that threshold accepts everybody.
#
# ## Exercise 11.3
#
# Mining finds only what is in the batch. Of 400 photos of 40 people draw 20 at random: how many pairs of one
# person would you expect among them? Fewer than five. So a batch is not drawn like that: first $P$ people,
# then $K$ photos of each, and $P \cdot K \cdot (K - 1)$ pairs of anchor and positive are certain. (The paper takes
# about 40 faces of a person.) Labels may be any whole numbers, and nobody has asked how many photos each
# person has.


# %% tags=["exercise"]
def draw_batch(labels, people, photos, rng):
    """The indices of people * photos different photos, `photos` of each of `people` people.

    labels: ndarray (N,), whole numbers. rng: np.random.Generator, the only source of chance. Whoever
    has fewer than `photos` photos is not drawn; everybody else, and all their photos, may be.
    """
    raise NotImplementedError


# %%
check("11.3", draw_batch)

# %% tags=["claim"]
claim("20 of 400: fewer than five pairs of one person", 20 * 19 / 2 * 9 / 399 < 5)

# %% [markdown]
# **Try next.** Begin gently: `mining="semi-hard, hardest@30"` in the `TrainConfig` above, and 90 steps.
# Does it collapse? Then look at its loss: does a loss at the margin *prove* a collapse? And a lower
# learning rate, `rate=5e-5`: does that save `hardest`, or does it only take longer?
