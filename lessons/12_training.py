# %% [markdown]
# # 12 · Training, and how to see that it goes well
#
# **The loss falls. Does the network learn faces?**
#
# It may. It may also have made one point of all faces, have learnt thirty people by heart, or have
# stopped because there is nothing left to learn from. The loss looks much the same in all of them.
# This lesson trains a small network in about a minute, watches four numbers while it does, tests it
# on photos and on people that it has not seen, and then breaks it on purpose.
#
# Thirty minutes. From the paper: sections 3.2 and 3.3. In the library:
# `minifacenet/training/loop.py` and `health.py`.

# %%
import numpy as np
from exercises import check, hint, mine, solution
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

# %% tags=["claim"]
from show import claim

claim(
    "5 of each of 30 people, 5 others", [len(training.images), len(held_out.images)] == [150, 150]
)
claim("all photos of 10 others", len(strangers.images) == 100)
claim("they do not mix", not set(strangers.labels) & set(known.labels))

# %% [markdown]
# ## One step
#
# A step of training is six lines, and each of them had a lesson of its own. Draw a batch, embed it,
# measure all distances, pick triplets and take their loss, send its gradient backward, update.

# %%
model = FaceNet.new(Architecture("nn1_mini", SIZE, channels=1), seed=SEED)
network, optimizer = model.network, Adam(model.network.parameters(), rate=5e-4)

batch = sample_batch(training.labels, people=15, photos=5, rng=rng)
labels, margin = training.labels[batch], 0.2
other, told = ~np.eye(len(batch), dtype=bool), []
for _ in range(4):
    embeddings = network.forward(to_input(training.images[batch]), train=True)
    distances = squared_distances(embeddings)
    loss, active, slope = mined_loss(distances, labels, margin, "semi-hard", rng)
    network.zero_grad()
    network.backward(embedding_gradient(slope, embeddings))
    optimizer.step()
    told.append((loss, distances[other].mean()))
    print(f"loss {loss:.4f}   active {active}   spread {told[-1][1]:.4f}")

# %% tags=["claim"]
claim("the loss begins near the margin, 0.2, and falls", 0.2 > told[0][0] > 0.18 > told[-1][0])
claim("the spread has grown more than fivefold", told[-1][1] > 5 * told[0][1])
claim("the loss has changed less", told[-1][0] > told[0][0] / 4)

# %% [markdown]
# Four steps on one batch. Fresh weights put all faces close to one point, so the loss begins near the
# margin, 0.2. It falls, but look at the last column: the **spread**, the mean distance of all pairs
# in the batch, has grown more than fivefold. The network is pushing faces apart, and the spread says
# so far louder than the loss does.
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
# Why does the loss fall so slowly? Because mining picks anew, at each step, triplets that still fail. As the
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
# ## Half a minute of training
#
# Make a guess first: which of the curves will fall, which will rise, and where will the spread end?
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
        shown = live(
            curves,
            "Five curves of the training as it runs: loss, active pairs, distances to negatives "
            "and positives, spread, and VAL on held-out photos. Loss and active pairs fall "
            "slowly, negatives run away from positives, spread and VAL rise.",
            shown,
            dpi=64,
        )

# %%
print(diagnosis(records))
for name, scores in (("held-out photos", seen), ("strangers", unseen)):
    print(f"{name:15} VAL at FAR 0.01: {scores[0][1]:.2f} before, {scores[-1][1]:.2f} after")

# %% tags=["claim"]
claim("it learns", records[-1].state == "learning")
claim("the loss begins near the margin", 0.17 < records[0].loss < 0.2)
claim("it falls", np.mean([r.loss for r in records[-25:]]) < 0.85 * records[0].loss)
claim("it does not come near 0", np.mean([r.loss for r in records[-25:]]) > 0.03)
claim("many pairs are still active", np.mean([r.active for r in records[-25:]]) > 0.3)
claim(
    "negatives are farther than positives by far more than the margin, on average",
    np.mean([r.negative_distance - r.positive_distance for r in records[-25:]]) > 0.4,
)
claim("the spread comes near 2", 1.6 < np.mean([r.spread for r in records[-25:]]) < 2.1)
claim("a batch has 75 photos", config.people * config.photos == 75)

# %% [markdown]
# Read the panels from left to right. The loss falls, but it does not come near 0. Many pairs are still
# active, so there is something left to learn. The distances to negatives run away from those to
# positives, by far more than the margin asks for on average. And the spread comes near 2: the faces
# use the whole sphere.
#
# The lines tremble, because every step sees another batch of 75 photos. And after some dozens of
# steps another way of rounding is another run: on another processor your digits will differ. So
# read what the curves do, not their digits.
#
# ## Learnt by heart?
#
# Does the network know faces now, or these thirty people? Guess how much the strangers gain.
#
# The fifth panel is about photos of people *whom the network was trained on*. Here are both groups
# in one picture.

# %% tags=["drawing"]
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
picture(
    ax,
    "VAL at a FAR of 0.01 along the training. The line of the people whom it was trained on "
    "climbs by far; that of the strangers goes up and down, and gains little.",
)

# %% tags=["claim"]
claim("the known people get easier by far", seen[-1][1] > seen[0][1] + 0.2)
claim(
    "strangers gain less than half", unseen[-1][1] - unseen[0][1] < (seen[-1][1] - seen[0][1]) / 2
)
claim("the network starts high", min(seen[0][1], unseen[0][1]) > 0.15)
claim("4,500 pairs, of which 0.01 are 45", (100 * 99 - 10 * 10 * 9) // 2 == 4500)

# %% [markdown]
# The known people get much easier. The strangers gain less than half of that, and their line goes up
# and down: FAR 0.01 of 4,500 pairs is decided by 45 of them. The network starts high, too. Its
# weights were random at step 0, and yet it told many pairs apart, because ORL's photos of one person
# resemble each other in light and hair; any random projection sees that.
#
# So the honest reading of this minute: **it learnt these thirty people, and not yet what makes
# faces differ.** The paper trained on 8 million people. Thirty do not show what stays the same when
# somebody puts on glasses; lesson 15 measures what more people are worth.
#
# ## A map of it
#
# Here are eight of the thirty, with five held-out photos each, laid out so that near faces have near
# embeddings: first by the random network, then by the trained one. The colour of a frame is the person, anew in
# each of the two maps.

# %%
few = np.isin(held_out.labels, np.unique(held_out.labels)[:8])
after = Embedder(model).transform(held_out.images)

# %% tags=["drawing"]
for vectors in (before, after):
    ax = embedding_map(vectors[few], held_out.images[few], held_out.labels[few], credit=CREDIT)
    ax.figure.set_size_inches(7, 7 * ax.figure.get_figheight() / ax.figure.get_figwidth())
    if vectors is before:
        ax.set_title("Before: random weights", loc="left", fontweight="bold")
        first = ax
    else:
        ax.set_title("After 150 steps", loc="left", fontweight="bold")
picture(
    first,
    "A map of forty faces of eight people from the fresh network, framed by person. Some people "
    "lie together already, others are mixed in one heap: light and hair alone bring photos "
    "together.",
    quality=75,
)

# %% tags=["drawing"]
picture(
    ax,
    "The same faces after the training. Now each person's photos stand in a group, and the groups "
    "stand apart, with a stray photo here and there.",
    quality=75,
)

# %% [markdown]
# ## The same, a hundred times as fast
#
# The rate above was the library's default, 5e-4. Patience is hard: why not a hundred times as much? The
# same weights, the same batches, 16 steps at a rate of 0.05. **Before you run it**, write down where
# you think these will be at the end: the loss, the active share, the spread.

# %%
hasty = FaceNet.new(Architecture("nn1_mini", SIZE, channels=1), seed=SEED)
fast = list(train(hasty.network, training, TrainConfig(16, 15, 5, seed=SEED, rate=0.05)))

# %% tags=["drawing"]
panels = axes(9, 3, columns=3)[0]
for ax, field in zip(panels, ("loss", "active", "spread"), strict=True):
    for log, name, colour, line in ((records, "5e-4", SAME, "-"), (fast, "0.05", DIFFERENT, "--")):
        ax.plot([getattr(r, field) for r in log[:16]], line, color=colour, label=f"rate {name}")
    ax.set(title=field, xlabel="training step")
    ax.grid(color="0.92")
panels[0].set_ylim(0, 0.25)
panels[0].legend(frameon=False, loc="lower left")
panels[1].set_ylim(0, 1.1)
panels[2].set(yscale="log", title="spread (logarithmic)", ylim=(1e-9, 9))
picture(
    panels,
    "Loss, active share and spread of the first steps at two rates. In loss and active share the "
    "two look alike, near the margin and near 1. The spread tells: it grows at the small rate, "
    "and at the large one falls within a few steps to almost nothing, with a hump in between.",
    quality=75,
)

# %%
print(diagnosis(fast))

# %% tags=["claim"]
claim("the default is 5e-4, and 0.05 a hundred times as much", config.rate == 5e-4)
claim("it has collapsed", all(record.state == "collapsed" for record in fast[-5:]))
claim("most of the time", sum(record.state == "collapsed" for record in fast) > 11)
claim("within a few steps", min(record.spread for record in fast[:6]) < 0.01)
claim("its loss stays at the margin", all(abs(r.loss - 0.2) < 0.02 for r in fast[-10:]))
claim("nearly all pairs are active", all(record.active > 0.9 for record in fast[-10:]))

# %% [markdown]
# It has **collapsed**: within a few steps all faces are one point. They may come apart for a step or
# two, by chance of the last digits, and fall together again. Nothing of that looks like a catastrophe
# in the loss. It lies flat at the margin,
# $D(a,p) - D(a,n) + \alpha$ with both distances 0, and nearly all pairs are active: as if the network had
# not begun yet. The spread alone says that it is over, and says so at once. A step that is too long
# throws all points to the same side; where all embeddings are equal, their differences are 0, and so is
# the gradient (lesson 11).
#
# ## Four logs
#
# There were four other runs of 80 steps, on photos of 32 x 32 pixels. Here is the loss of each, and nothing else.
# One of them learns. What is the matter with the others?

# %%
logs = training_logs()

# %% tags=["drawing"]
LIMITS = {"loss": (-0.01, 0.25), "active": (-0.05, 1.1), "spread": (1e-9, 9)}


def draw_log(ax, name, field, colour):
    ax.plot([r.step for r in logs[name]], [getattr(r, field) for r in logs[name]], color=colour)
    ax.set(ylim=LIMITS[field], xlabel="training step")
    if field == "spread":
        ax.set(yscale="log", yticks=[1e-8, 1e-6, 1e-4, 1e-2, 1])
    ax.grid(color="0.92")
    ax.spines[["top", "right"]].set_visible(False)


panels = axes(9, 2.3, columns=4)[0]
for ax, name in zip(panels, logs, strict=True):
    draw_log(ax, name, "loss", "black")
    ax.set_title(name, fontweight="bold")
panels[0].set_ylabel("loss")
picture(
    panels,
    "The loss of four runs, A to D. A falls slowly. B and D lie flat at the margin. C drops to 0 "
    "at once.",
)

# %% [markdown]
# Guess, and only then run the next cell: the active share and the spread of the same four.

# %% tags=["drawing"]
panels = axes(9, 4.2, columns=4, rows=2)
for row, field, label, colour in zip(
    panels, ("active", "spread"), ("active share", "spread (logarithmic)"), HUES[2:], strict=False
):
    for ax, name in zip(row, logs, strict=True):
        draw_log(ax, name, field, colour)
    row[0].set_ylabel(label)
for ax, name in zip(panels[0], logs, strict=True):
    ax.set_title(name, fontweight="bold")
    ax.set_xlabel("")
picture(
    panels,
    "Active share and spread of the same four. A: falling and rising. B: all active, the spread "
    "collapses, comes back once, and collapses for good. C: none active, the spread large. D: all "
    "active, the spread as it was at the start.",
    quality=70,
    dpi=64,
)

# %%
for name, log in logs.items():
    first, last = log[0], log[-1]
    print(
        f"{name}: loss {first.loss:.3f} to {last.loss:.3f}   active {last.active:.0%}   "
        f"spread {first.spread:.4f} to {last.spread:.2g}"
    )

# %% tags=["claim"]
claim("A: the loss falls", logs["A"][-1].loss < 0.17 < logs["A"][0].loss)
claim("A: so does the active share", logs["A"][-1].active < 0.95 < logs["A"][0].active)
claim("A: the spread grows", logs["A"][-1].spread > 1 > logs["A"][0].spread)
claim("B stays at the margin", all(abs(r.loss - 0.2) < 0.02 for r in logs["B"]))
claim("B: one point", logs["B"][-1].spread < 1e-7)
claim("B: climbs out by step 28", max(logs["B"][5:], key=lambda r: r.spread).step == 28)
claim(
    "B: and falls back the deeper",
    logs["B"][40].spread < 0.1 * min(r.spread for r in logs["B"][:28]),
)
claim("C: no triplet after three steps", not any(record.triplets for record in logs["C"][3:]))
claim("C: the spread is large", logs["C"][-1].spread > 0.5)
claim("D: the loss stays at the margin", all(abs(r.loss - 0.2) < 0.02 for r in logs["D"]))
claim("D: all is active", all(record.active > 0.98 for record in logs["D"]))
claim("D: nothing moved", logs["D"][-1].spread < 1.5 * logs["D"][0].spread)

# %% [markdown]
# - **A learns.** Loss and active share fall slowly, the spread grows.
# - **B has collapsed,** as above, and at the same rate. (Adam divides by the size of the gradients, and
#   so magnifies even what is all but 0: see the spread climb out by step 28, and fall back the
#   deeper.) Mining the hardest negatives does the same, lesson 11.
# - **C is solved.** The loss is 0 because no triplet is active, while the spread is large. It had
#   three people without augmentation: too easy. After three steps it computes and changes nothing.
# - **D is asleep.** Its loss stays at the margin like B's, and all is active like B's. But the spread
#   is about what it was at the beginning: nothing collapsed, nothing moved. Its rate was 5e-6, a
#   hundredth of the default.
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
# 3. `"asleep"`: on average over the last ten at least 95 % are active, and the mean spread of the last
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

# %% tags=["claim"]
claim("the library says 'learning' of D", diagnosis(logs["D"]).startswith("learning"))

# %% [markdown]
# ## Where it begins
#
# B and D differ in one number, the rate. But what is it that the rate multiplies? And from where does the
# first step go? Four short functions are left, and then you have written all of a training.
#
# **First weights** are random, or all filters would be one. How large? An output adds up $k$ products of a
# weight and an input. If the weights are too small, the numbers fade from layer to layer; if they are too
# large, they grow. Let the inputs have the mean square 1 and the weights the mean 0 and the variance $v$.
# What is the variance of one output, before the ReLU? The ReLU throws away the lower half: what is the mean
# square behind it? And so: which $v$ keeps it at 1?
#
# ## Exercise 12.3
#
# Draw the weights of a convolution, $(k_h, k_w, C, O)$, or of a linear layer, $(I, O)$. How many products
# does one output add up in each?


# %% tags=["exercise"]
def first_weights(shape, rng):
    """Random weights, ndarray of that shape, float64. The last axis of shape are the outputs.

    rng: np.random.Generator, the only source of chance.
    """
    raise NotImplementedError


# %%
check("12.3", first_weights)

# %% [markdown]
# Ten linear layers with a ReLU each, and weights that are half as large as they should be, right, or twice
# as large. The root of the mean square behind each:

# %%
draw, after = mine["12.3"], {}
for factor in (0.5, 1, 2):
    values, sizes, chance = rng.standard_normal((50, 256)), [], np.random.default_rng(3)
    for _ in range(10):
        values = np.maximum(values @ (factor * draw((256, 256), chance)), 0)
        sizes.append(np.sqrt(np.square(values).mean()))
    after[factor] = sizes
    print(f"x {factor:<4}", "  ".join(f"{size:9.3g}" for size in sizes[::3]))

# %% tags=["claim"]
claim("right: it stays", 0.3 < after[1][-1] < 3)
claim("by ten layers a factor of a thousand, both ways", (
    900 < after[2][-1] / after[1][-1] < 1100 and 900 < after[1][-1] / after[0.5][-1] < 1100
))  # fmt: skip

# %% [markdown]
# With a variance of $2 / k$ it stays where it was. Twice as large weights are a factor of a thousand after ten
# layers, for $2^{10} = 1024$: NN1 has more layers than that. (He and others, 2015. For a layer without a ReLU
# behind it, $1 / k$.) The line in front says whose function drew them: yours, once you have solved 12.3.
#
# ## The step
#
# The gradient says which way is up. Three ways to go down:
#
# **SGD with momentum** moves like a ball. It has a velocity, of which a share, the momentum, is left after each
# step, and to which each gradient is added as a whole. The weights move against the velocity, times the rate.
# If the gradient is always 1 and the momentum 0.9, how fast is the ball in the end?
#
# ## Exercise 12.4


# %% tags=["exercise"]
def sgd_step(w, g, v, rate, momentum):
    """The new weights and the new velocity. w, g (the gradient), v: ndarrays of one shape."""
    raise NotImplementedError


# %%
check("12.4", sgd_step)

# %% [markdown]
# In the end it is 10: what a step adds, 1, is what it loses, a tenth of 10.
#
# **AdaGrad**, the paper's choice, gives each weight a rate of its own. It adds up the squares of all gradients
# that this weight has had, this one among them, and divides the step by the root of that sum: who has been
# pushed a lot takes small steps. (And a small $\epsilon$ is added to the root.) What becomes of the steps if
# the gradient stays as it is for a thousand steps?
#
# ## Exercise 12.5


# %% tags=["exercise"]
def adagrad_step(w, g, a, rate, eps):
    """The new weights and the new sum of squares. w, g, a: ndarrays of one shape."""
    raise NotImplementedError


# %%
check("12.5", adagrad_step)

# %% [markdown]
# They fade as $1 / \sqrt{t}$.
#
# **Adam** forgets. It keeps two running means, $m$ of the gradients and $v$ of their squares. At each step a
# mean keeps the share $b_1$ (for $v$: $b_2$) of what it was, and takes the rest from what is new. It divides $m$ by
# the root of $v$, to which $\epsilon$ is added. One thing is left to see: both means start at 0. After one step
# with $b_1 = 0.9$, which share of the gradient is in $m$? After two steps with the same gradient? After $t$? Adam
# divides by that share, for the step alone; $m$ and $v$ themselves go on as they are.
#
# ## Exercise 12.6


# %% tags=["exercise"]
def adam_step(w, g, m, v, t, rate, b1, b2, eps):
    """The new weights, m and v. w, g, m, v: ndarrays of one shape. t: which step it is, from 1."""
    raise NotImplementedError


# %%
check("12.6", adam_step)

# %% [markdown]
# The share is 0.1, then 0.19, and $1 - b_1^t$ after $t$ steps.
#
# Which is the best? Here is a valley of two weights, 50 times as steep in one of them, and where each way
# leads from the same place in 60 steps. Before you run it: which of them will swing from side to side?

# %%
sgd, adagrad, adam = mine["12.4"], mine["12.5"], mine["12.6"]
steepness = np.array([1.0, 50.0])


def descend(step, slots, *settings, count=False):
    """The places on the way down L = (w_0^2 + 50 w_1^2) / 2, ndarray (61, 2)."""
    w, state, way = np.array([-4.0, 1.0]), [np.zeros(2) for _ in range(slots)], []
    for t in range(1, 61):
        way.append(w)
        w, *state = step(w, steepness * w, *state, *([t] if count else []), *settings)
    return np.array([*way, w])


ways = {
    "SGD, momentum 0.9, rate 0.01": descend(sgd, 1, 0.01, 0.9),
    "AdaGrad, rate 0.5": descend(adagrad, 1, 0.5, 1e-10),
    "Adam, rate 0.2": descend(adam, 2, 0.2, 0.9, 0.999, 1e-8, count=True),
}

# %% tags=["drawing"]
first, second = np.meshgrid(np.linspace(-4.5, 2.5, 120), np.linspace(-1.2, 1.2, 80))
panels = axes(9, 3, columns=3)[0]
for ax, (name, way), colour in zip(panels, ways.items(), HUES, strict=False):
    ax.contour(first, second, first**2 + 50 * second**2, levels=12, colors="0.85", linewidths=0.8)
    ax.plot(*way.T, ".-", color=colour, linewidth=1, markersize=4)
    ax.plot(0, 0, "*", color="black", markersize=9)
    ax.set_title(name, loc="left", fontsize=10)
    ax.set(xlabel="w_0, gentle", ylim=(-1.2, 1.2), xlim=(-4.5, 2.5))
    ax.grid(False)
panels[0].set_ylabel("w_1, steep")
picture(
    panels,
    "Three ways down a valley that is steep in one direction. SGD swings from wall to wall on its "
    "way to the star; AdaGrad goes in one bend and slows down; Adam goes past the star and turns "
    "back.",
    dpi=64,
)

# %% tags=["claim"]
claim("60 steps", all(len(way) == 61 for way in ways.values()))
claim("SGD swings from side to side", (next(iter(ways.values()))[:, 1] < 0).any())
claim("AdaGrad does not", (ways["AdaGrad, rate 0.5"][:, 1] > 0).all())
claim("AdaGrad's steps fade", np.ptp(ways["AdaGrad, rate 0.5"][-2:, 0]) < 0.05)
claim("Adam rolls past the star", ways["Adam, rate 0.2"][:, 0].max() > 0.3)
claim("its first step is the same in both weights", np.allclose(
    np.diff(ways["AdaGrad, rate 0.5"][:2], axis=0), [[0.5, -0.5]]
))  # fmt: skip
claim("so is Adam's", np.allclose(np.diff(ways["Adam, rate 0.2"][:2], axis=0), [[0.2, -0.2]]))

# %% [markdown]
# The star is where they want to go. SGD sees the steep wall first, and swings from side to side; a rate that is
# too large for the wall is too small for the valley. AdaGrad and Adam divide by the size of the gradient, and their
# first step is equally long in both weights, steep or not. AdaGrad's steps fade: here they just reach the star,
# and in a longer valley they would not. Adam's do not fade, it has a velocity, too, and rolls past the star before
# it comes back. It needs less care with its rate than the other two, which does not make it better in the end: the
# paper did well with AdaGrad.
#
# You have now written all parts of a training. Lesson 16 puts them together.

# %% [markdown]
# **Try next.** Where does it begin? Train again with `rate=1e-3`, twice the default, with `SEED` 12, 13
# and 14: do all of them learn? And `mining="hardest"` at the default rate: how many steps does that
# collapse take? Then `Augmentation` off (`augmentation=None`): which
# of the two lines, held out or strangers, suffers?
# `minifacenet train data/orl --out runs/mine` trains with all photos and pixels.
