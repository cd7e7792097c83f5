# %% [markdown]
# # 12 · Training, and how to see that it is well
#
# **The loss falls. Does the network learn faces?**
#
# It may. It may also have made one point of all faces, have learnt thirty people by heart, or have
# stopped because there is nothing left to learn from. The loss looks much the same in all of them.
# This lesson trains a small network in about a minute, watches four numbers while it does, and
# tests it on photos and on people that it has not seen.
#
# Twenty minutes. From the paper: sections 3.2 and 3.3. In the library:
# `minifacenet/training/loop.py` and `health.py`.

# %%
import numpy as np
from exercises import check
from show import CREDIT, axes, faces, live, picture, training_logs

from minifacenet import Architecture, Embedder, FaceNet, TrainConfig, train
from minifacenet.embedding.batches import sample_batch, to_input
from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.mining import mined_loss
from minifacenet.embedding.triplet import embedding_gradient
from minifacenet.experiment.scores import score_pairs
from minifacenet.nn.optim import Adam
from minifacenet.plots.faces import embedding_map
from minifacenet.plots.style import DIFFERENT, HUES, SAME
from minifacenet.plots.training import training_curves
from minifacenet.training.health import diagnosis
from minifacenet.training.splits import UNSEEN_SHARE, split_people, split_photos

# %% [markdown]
# ## Who is trained on, and who is not
#
# Three groups of photos, which must never mix:
#
# - **training**: 5 photos of each of 30 people;
# - **held out**: the other 5 photos of the same people;
# - **strangers**: all photos of the 10 people who are left.
#
# To keep it short the photos have 48 x 48 pixels, a quarter of what nn1_mini usually sees.

# %%
SEED, SIZE = 12, 48
rng = np.random.default_rng(SEED)
everybody = faces(SIZE)
people = split_people(everybody.labels, UNSEEN_SHARE, rng)
known, strangers = everybody.subset(people.train), everybody.subset(people.test)
photos = split_photos(known.labels, 0.5, rng)
training, held_out = known.subset(photos.train), known.subset(photos.test)
for name, group in (("training", training), ("held out", held_out), ("strangers", strangers)):
    print(f"{name:9} {group.summary()}")

# %% [markdown]
# ## One step
#
# A step of training is six lines, and each of them had a lesson of its own. Draw a batch, embed it,
# measure all distances, pick triplets and take their loss, send its gradient backward, update.

# %%
model = FaceNet.new(Architecture("nn1_mini", SIZE, channels=1), seed=SEED)
network, optimizer = model.network, Adam(model.network.parameters(), rate=1e-3)

batch = sample_batch(training.labels, people=15, photos=5, rng=rng)
labels, margin = training.labels[batch], 0.2
for _ in range(4):
    embeddings = network.forward(to_input(training.images[batch]), train=True)
    distances = squared_distances(embeddings)
    loss, active, slope = mined_loss(distances, labels, margin, "semi-hard", rng)
    network.zero_grad()
    network.backward(embedding_gradient(slope, embeddings))
    optimizer.step()
    other = ~np.eye(len(batch), dtype=bool)
    print(f"loss {loss:.4f}   active {active}   spread {distances[other].mean():.4f}")

# %% [markdown]
# Four steps on one batch. Fresh weights put all faces close to one point, so the loss begins near the
# margin, 0.2. It falls, but look at the last column: the **spread**, the mean distance of all pairs
# in the batch, has grown almost twentyfold. The network is pushing faces apart, and the spread shows
# that long before the loss does.
#
# That is why the library's `train` tells more of each step than the loss. `StepRecord` holds
#
# | number | what it says | when all is well |
# |---|---|---|
# | `loss` | mean of the active triplets' violations | begins near the margin, falls slowly |
# | `active` | share of anchor-positive pairs that still have something to learn | falls from 1, does not reach 0 |
# | `positive_distance`, `negative_distance` | mean D(a,p) and D(a,n) of the batch | the second runs away from the first |
# | `spread` | mean distance of all pairs | grows; random points of the sphere have 2 |
#
# Why does the loss fall so slowly? Because mining picks the hard triplets anew at each step. As the
# network gets better, the questions get harder.
#
# ## Exercise 12.1
#
# Write the last three. A photo has no distance to itself: the diagonal counts nowhere.


# %% tags=["exercise"]
def batch_health(distances, labels):
    """Mean distance to positives, mean distance to negatives, spread: three floats.

    distances: ndarray (N, N), squared L2, symmetric, 0 on the diagonal. labels: ndarray (N,).
    """
    raise NotImplementedError


# %%
check("12.1", batch_health)

# %% [markdown]
# ## A minute of training
#
# `train` is a generator: it yields a record a step and does nothing else. What to print, draw or
# measure is up to the loop. This one draws the curves and, every 25 steps, verifies the photos that
# were held out: VAL at a FAR of 0.01 (lesson 14 explains the two).


# %%
def val(faces):
    """VAL at FAR 0.01 over all pairs of these photos."""
    vectors = Embedder(model).transform(faces.images)
    return score_pairs(vectors, faces.labels).val_at_far[0.01].val


model = FaceNet.new(Architecture("nn1_mini", SIZE, channels=1), seed=SEED)
config = TrainConfig(steps=150, people=15, photos=5, seed=SEED)
before = Embedder(model).transform(held_out.images)
records, seen, unseen = [], [(0, val(held_out))], [(0, val(strangers))]
shown = None
for record in train(model.network, training, config):
    records.append(record)
    if record.step % 25 == 0:
        seen.append((record.step, val(held_out)))
        unseen.append((record.step, val(strangers)))
        curves = training_curves(records, seen, margin=0.2, measure="VAL at FAR 0.01")
        curves[4].set_ylim(0, 1)
        shown = live(curves, shown)

# %%
print(diagnosis(records))
for name, scores in (("held-out photos", seen), ("strangers", unseen)):
    print(f"{name:15} VAL at FAR 0.01: {scores[0][1]:.2f} before, {scores[-1][1]:.2f} after")

# %% [markdown]
# Read the panels from left to right. The loss falls by more than a third. Most pairs are still active, so
# there is something to learn left. The distances to negatives run away from those to positives, by
# far more than the margin asks for on the mean. And the spread comes near 2: the faces use the
# whole sphere.
#
# The lines tremble, because every step sees another batch of 75 photos. The rate is the library's
# default, 5e-4. With twice as much, this very run has collapsed on one processor, and has come close
# to it and out again on another: after some dozens of steps another way of rounding is another run.
# So your digits may differ from these, too.
#
# ## Learnt by heart?
#
# The fifth panel is about photos of people *whom the network was trained on*. Here are both groups
# in one picture.

# %%
ax = axes(7, 3.2)
for name, scores, colour, line in (
    ("held-out photos of the 30 people", seen, SAME, "o-"),
    ("the 10 strangers", unseen, DIFFERENT, "s--"),
):
    ax.plot(*np.transpose(scores), line, color=colour, linewidth=2, label=name)
ax.set_xlabel("training step")
ax.set_ylabel("VAL at FAR 0.01")
ax.set_ylim(0, 1)
ax.legend(frameon=False, loc="upper left")
picture(ax)

# %% [markdown]
# The known people get easier and easier. The strangers gain little, and the line goes up and down:
# FAR 0.01 of 4,500 pairs is decided by 45 of them. The network starts high, too. Its weights were
# random at step 0, and yet it told many pairs apart, because ORL's photos of one person resemble
# each other in light and hair; any random projection sees that.
#
# So the honest reading of this minute: **it learnt these thirty people, and not yet what makes
# faces differ.** The paper trained on 8 million people. Thirty do not show what stays the same when
# somebody puts on glasses; lesson 15 measures what more people are worth.
#
# ## A map of it
#
# Eight of the thirty, five held-out photos each, laid out so that near faces have near embeddings.
# First by the random network, then by the trained one. The colour of a frame is the person.

# %%
few = np.isin(held_out.labels, np.unique(held_out.labels)[:8])
after = Embedder(model).transform(held_out.images)
for vectors in (before, after):
    ax = embedding_map(vectors[few], held_out.images[few], held_out.labels[few], credit=CREDIT)
    ax.figure.set_size_inches(7, 7 * ax.figure.get_figheight() / ax.figure.get_figwidth())
    if vectors is before:
        ax.set_title("Before: random weights", loc="left", fontweight="bold")
        first = ax
    else:
        ax.set_title("After 150 steps", loc="left", fontweight="bold")
picture(first)

# %%
picture(ax)

# %% [markdown]
# ## Four logs
#
# Four other trainings of 80 steps, on photos of 32 x 32 pixels. Look at the loss alone first, in the
# left column, and guess which of them is well. Then look at the other two columns.

# %%
logs = training_logs()
panels = axes(9, 6.6, columns=3, rows=4)
columns = (("loss", "loss"), ("active", "active share"), ("spread", "spread (logarithmic)"))
for row, (name, log) in zip(panels, logs.items(), strict=True):
    for ax, (field, title), colour in zip(row, columns, ("black", HUES[2], HUES[3]), strict=True):
        ax.plot([record.step for record in log], [getattr(r, field) for r in log], color=colour)
        ax.set_ylim(*{"loss": (-0.01, 0.25), "active": (-0.05, 1.1), "spread": (1e-9, 9)}[field])
        if field == "spread":
            ax.set_yscale("log")
            ax.set_yticks([1e-8, 1e-6, 1e-4, 1e-2, 1])
        ax.grid(color="0.92")
        ax.spines[["top", "right"]].set_visible(False)
        if name == "A":
            ax.set_title(title, fontsize=10)
        if name == "D":
            ax.set_xlabel("training step")
    row[0].set_ylabel(name, rotation=0, fontsize=13, fontweight="bold", labelpad=14)
picture(panels)

# %%
for name, log in logs.items():
    first, last = log[0], log[-1]
    print(
        f"{name}: loss {first.loss:.3f} to {last.loss:.3f}   active {last.active:.0%}   "
        f"spread {first.spread:.4f} to {last.spread:.2g}"
    )

# %% [markdown]
# - **A learns.** Loss and active share fall slowly, the spread grows.
# - **B has collapsed.** The loss stays at the margin: $D(a,p) - D(a,n) + \alpha$ with both distances
#   0 is $\alpha$. All embeddings are one point, and the gradient, a sum of differences of
#   embeddings, is all but 0. (Adam divides by the size of the gradients, and so magnifies even that:
#   see the spread climb out by step 28, and fall back the deeper.) Its rate was 0.05, a hundred times
#   too high. Mining the hardest negatives does the same, lesson 11.
# - **C is solved.** The loss is 0 because no triplet is active, while the spread is large. It had
#   three people without augmentation: too easy. After three steps it computes and changes nothing.
# - **D is asleep.** Its loss stays at the margin like B's, and all is active like B's. But the spread
#   is what it was at the beginning: nothing collapsed, nothing moved. Its rate was 5e-6, a hundred
#   times too low.
#
# B and D look the same in the loss, and have opposite remedies. So: never a loss without a spread.
#
# ## Exercise 12.2
#
# Write the doctor. A state is what *all of the last ten steps* show (of a shorter log: all of its
# steps), since a single step means little. In this order:
#
# 1. `"collapsed"`: the spread is below 0.01;
# 2. `"solved"`: not one triplet;
# 3. `"asleep"`: on the mean of the last ten at least 95 % are active, and the mean spread of the last
#    ten is within 50 % of the mean spread of the first ten;
# 4. `"learning"`: everything else.


# %% tags=["exercise"]
def diagnose(records):
    """'collapsed', 'solved', 'asleep' or 'learning'.

    records: list of StepRecord, with .loss, .triplets, .active and .spread.
    """
    raise NotImplementedError


# %%
check("12.2", diagnose)

# %% [markdown]
# The library's `diagnosis` looks at the last step and at how many found no triplet. It knows nothing
# of sleep, so it says 'learning' of D; you have just written a better one.

# %%
for name, log in logs.items():
    print(f"{name}: {diagnosis(log)}")

# %% [markdown]
# **Try next.** Train again with `rate=5e-3`, or `mining="hardest"`, and watch the spread in the
# curves: how many steps does a collapse take? Then `Augmentation` off (`augmentation=None`): which
# of the two lines, held out or strangers, suffers?
# `minifacenet train data/orl --out runs/mine` trains with all photos and pixels.
