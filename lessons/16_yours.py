# %% [markdown]
# # 16 · Yours
#
# **You have written its parts. Do they make a network that knows a face?**
#
# Here they meet: a photo of 16 x 16 pixels, two convolutions with a ReLU and a pool each, a linear layer, the
# sphere; triplets from a batch of your own, the loss, its slope back through all layers, a step of Adam. Every function in this
# lesson that computes something worth a lesson is one that you have written, where its check has passed, and
# the library's where not. The network is small, slow, and yours from the first product to the last.
#
# Twenty minutes, one of which it trains. From the paper: all of section 3. In the library: nothing that you
# could not have written.

# %%
import numpy as np
from exercises import check, hint, mine, solution
from show import CREDIT, axes, faces, picture

from minifacenet.embedding.mining import mined_loss
from minifacenet.embedding.triplet import embedding_gradient
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.gradcheck import relative_error
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.maxpool import MaxPool
from minifacenet.nn.optim import Adam
from minifacenet.nn.relu import ReLU
from minifacenet.nn.window import Window
from minifacenet.plots.style import DIFFERENT, SAME
from minifacenet.plots.tiles import gallery, tile, write

# %% [markdown]
# ## Whose functions?
#
# What has passed its check in this session is at hand. What has passed in another notebook lies in
# `my_answers.py`, beside this one, as text. It is code, and it will be run: look into the file if somebody else
# could have written into it. Each line says whose function is taken. (After you have solved one more, run
# this lesson again from the top.)

# %%
convolve, conv_dw, conv_dx = mine["01.3"], mine["02.1"], mine["02.3"]
relu_backward, max_pool, max_pool_backward = mine["03.1"], mine["03.3"], mine["03.2"]
linear, linear_gradients, l2_gradient = mine["05.1"], mine["05.2"], mine["05.4"]
all_squared_distances, semi_hard_triplets = mine["10.3"], mine["11.1"]
mean_triplet_loss, one_triplet_gradient = mine["10.1"], mine["10.2"]
draw_batch, spread = mine["11.3"], mine["11.2"]
first_weights, adam_step, numeric_gradient = mine["12.3"], mine["12.6"], mine["02.2"]
PARTS = "01.3 02.1 02.2 02.3 03.1 03.2 03.3 05.1 05.2 05.4 10.1 10.2 10.3 11.1 11.2 11.3 12.3 12.6"
print(
    f"\n{sum(number in mine for number in PARTS.split())} of {len(PARTS.split())} parts are yours."
)

# %% [markdown]
# ## The network
#
# Forward, each layer keeps what its backward will ask for. Three things are too short for an exercise: the ReLU
# itself, the division by the length, and the slope of a bias, which is the sum of what arrives.


# %%
WINDOW, POOL = Window.of(3, pad=1), Window.of(2, stride=2)


def new_weights(size, filters, dimensions, rng):
    """All weights of the network, ndarrays by name. filters: of the two convolutions."""
    first, second = filters
    weights = {
        "conv1": first_weights((3, 3, 1, first), rng),
        "conv2": first_weights((3, 3, first, second), rng),
        "linear": first_weights(((size // 4) ** 2 * second, dimensions), rng),
    }
    return weights | {f"{name} bias": np.zeros(w.shape[-1]) for name, w in weights.items()}


def forward(weights, photos):
    """The embeddings, ndarray (N, d), and what the backward needs."""
    x, kept = photos, []
    for name in ("conv1", "conv2"):
        out = np.maximum(convolve(x, weights[name], weights[f"{name} bias"], WINDOW), 0)
        pooled, cache = max_pool(out, POOL)
        kept.append((name, x, out, cache))
        x = pooled
    z = linear(x, weights["linear"], weights["linear bias"])
    return z / np.linalg.norm(z, axis=1, keepdims=True), (kept, x, z)


def backward(slope, weights, cache):
    """The slopes of all weights, by name. slope: that of the embeddings, (N, d)."""
    kept, last, z = cache
    d, dw, db = linear_gradients(l2_gradient(slope, z), last, weights["linear"])
    slopes = {"linear": dw, "linear bias": db}
    for name, x, out, pooled in reversed(kept):
        d = relu_backward(max_pool_backward(d, pooled), out)
        slopes |= {name: conv_dw(d, x, WINDOW), f"{name} bias": d.sum(axis=(0, 1, 2))}
        d = conv_dx(d, weights[name], WINDOW, x.shape)
    return slopes


# %% [markdown]
# And the loss. One triplet says where its three photos should go; a photo that stands in several adds up what
# it is told.


# %%
def loss_slope(embeddings, triplets, margin):
    """dL/d embeddings, ndarray (N, d), of the mean over triplets that are all active."""
    slope = np.zeros_like(embeddings)
    for triplet in triplets:
        parts = one_triplet_gradient(*(embeddings[i] for i in triplet), margin)
        for i, part in zip(triplet, parts, strict=True):
            slope[i] += np.divide(part, len(triplets))
    return slope


# %% [markdown]
# ## Is it right, as a whole?
#
# Every part has passed its own check. Does that mean that the whole is right? Guess. What could still be wrong
# is what lies between them: a cache that is handed to the wrong layer, a slope that is forgotten, an order.
# The judge of lesson 02 knows nothing of layers. Give it the whole: six photos of 8 x 8 pixels, a few fixed
# triplets, and every single weight of a tiny network.

# %%
rng = np.random.default_rng(16)
tiny = faces(8).images[[0, 1, 10, 11, 20, 21]] / 127.5 - 1
triplets = [(0, 1, 2), (2, 3, 0), (4, 5, 1), (3, 2, 5)]
weights = new_weights(8, (2, 3), 4, rng)


def loss_of(name, values):
    """The loss if the weights of that name were these."""
    embeddings, _ = forward(weights | {name: values}, tiny)
    return mean_triplet_loss(embeddings, tuple(np.transpose(triplets)), 4.0)


def judged(backward):
    """The error of each slope, by name."""
    embeddings, cache = forward(weights, tiny)
    slopes = backward(loss_slope(embeddings, triplets, 4.0), weights, cache)
    errors = {}
    for name, w in weights.items():
        numeric = numeric_gradient(lambda values, name=name: loss_of(name, values), w.copy(), 1e-5)
        errors[name] = relative_error(slopes[name], numeric)
    return errors


for name, error in judged(backward).items():
    verdict = "right" if error < 1e-6 else f"off by {error:.0%}"
    print(f"{name:12} {weights[name].size:3} weights: {verdict}")

# %% tags=["claim"]
from show import claim

claim("it is right as a whole", all(error < 1e-6 for error in judged(backward).values()))

# %% [markdown]
# (Should a single one be off by a little: lesson 03, a kink within the judge's step. Another seed tells. Should
# one of the first layers be off and all behind it be right, the fault is between the two.) The margin of 4 keeps
# every triplet active, so that no bracket bends while the judge looks.
#
# And does the judge see a fault of the whole? Forget the second ReLU on the way back, a slip that no check of a
# part could find. Which of the six arrays will be wrong?


# %%
def careless(slope, weights, cache):
    """The backward, with the gate of the second ReLU left open for every slope."""
    (first, (name, x, out, pooled)), last, z = cache
    return backward(slope, weights, ([first, (name, x, np.ones_like(out), pooled)], last, z))


for name, error in judged(careless).items():
    print(f"{name:12} {'right' if error < 1e-6 else 'WRONG'}")

# %% tags=["claim"]
claim("both convolutions are wrong", min(judged(careless)[n] for n in ("conv1", "conv2")) > 0.01)
claim("the linear layer, behind them, is right", judged(careless)["linear"] < 1e-6)

# %% [markdown]
# The linear layer is behind the fault and right; both convolutions are in front of it and wrong. Slopes flow
# backward, and so do faults.
#
# ## It learns
#
# Five photos of each of thirty people, as in lesson 12. Batches of 15 people with 4 photos each, semi-hard
# triplets, the margin 0.2. Beside it the library's layers, kernels, miner and Adam, from the same first weights
# and on the same batches; it knows nothing of yours. Two things differ. Yours computes with 16 digits and the
# library with 7, and yours goes through Python. How long will the two loss curves stay together? And which
# of them will be lower in the end?

# %%
PEOPLE, PHOTOS, STEPS, MARGIN, RATE = 15, 4, 80, 0.2, 1e-3
everybody = faces(16)
known = np.flatnonzero(everybody.labels < 30)
photo = np.concatenate([np.arange(count) for count in np.bincount(everybody.labels)])
training, held_out = known[photo[known] < 5], known[photo[known] >= 5]
images, labels = everybody.images / 127.5 - 1, everybody.labels

rng = np.random.default_rng(16)
weights = new_weights(16, (8, 16), 32, rng)
batches = [training[draw_batch(labels[training], PEOPLE, PHOTOS, rng)] for _ in range(STEPS)]

theirs = Sequential(
    ("conv1", Conv2D(1, 8, kernel=3, rng=rng, pad=1)), ("relu1", ReLU()), ("pool1", MaxPool(2, 2)),
    ("conv2", Conv2D(8, 16, kernel=3, rng=rng, pad=1)), ("relu2", ReLU()), ("pool2", MaxPool(2, 2)),
    ("linear", Linear(256, 32, rng)), ("L2", L2Norm()),
)  # fmt: skip
for name, parameter in theirs.parameters().items():
    layer, _, kind = name.partition(".")
    with parameter.edit() as values:
        values[:] = weights[f"{layer} bias" if kind == "bias" else layer]

# %%
state = {name: (np.zeros_like(w), np.zeros_like(w)) for name, w in weights.items()}
losses, spreads = [], []
for step, batch in enumerate(batches, start=1):
    embeddings, cache = forward(weights, images[batch])
    spreads.append(spread(embeddings))
    triplets = semi_hard_triplets(all_squared_distances(embeddings), labels[batch], MARGIN)
    losses.append(0.0)
    if len(triplets):
        losses[-1] = mean_triplet_loss(embeddings, tuple(np.transpose(triplets)), MARGIN)
        slopes = backward(loss_slope(embeddings, triplets, MARGIN), weights, cache)
        for name, w in weights.items():
            weights[name], *state[name] = adam_step(
                w, slopes[name], *state[name], step, RATE, 0.9, 0.999, 1e-8
            )
    if step == 1 or step % 20 == 0:
        print(f"step {step:3}: loss {losses[-1]:.3f}, spread {spreads[-1]:.2f}")

# %%
optimizer, their_losses = Adam(theirs.parameters(), rate=RATE), []
for batch in batches:
    embeddings = theirs.forward(images[batch].astype(np.float32), train=True)
    distances = all_squared_distances(embeddings).astype(np.float32)
    loss, _, slope = mined_loss(distances, labels[batch], MARGIN, "semi-hard", rng)
    their_losses.append(loss)
    theirs.zero_grad()
    theirs.backward(embedding_gradient(slope, embeddings))
    optimizer.step()

# %% tags=["drawing"]
ax = axes(8, 3.4)
ax.plot(range(1, STEPS + 1), losses, color=SAME, linewidth=2.5, label="yours")
ax.plot(
    range(1, STEPS + 1), their_losses, "--", color=DIFFERENT, linewidth=1.5, label="the library"
)
ax.axhline(MARGIN, color="0.4", linestyle=":", linewidth=1)
ax.text(STEPS, MARGIN + 0.003, "the margin", ha="right", fontsize=9, color="0.4")
ax.set(xlabel="training step", ylabel="loss", ylim=(0, 0.23))
ax.legend(frameon=False, loc="lower left")
picture(
    ax,
    "The loss of your network and of the library's, on the same batches. For the first half the "
    "two lines are one; then they part, and both end near 0 with some late peaks.",
)

# %%
apart = np.abs(np.subtract(losses, their_losses))[:5].max()
print(f"largest difference of the first 5 losses: {apart:.0e}")
print(
    f"mean of the last 20 losses: {np.mean(losses[-20:]):.3f} and {np.mean(their_losses[-20:]):.3f}"
)

# %% tags=["claim"]
claim("they begin together", apart < 1e-4)
claim(
    "they end at the same height", abs(np.mean(losses[-20:]) - np.mean(their_losses[-20:])) < 0.02
)
claim("the loss falls", np.mean(losses[-20:]) < 0.9 * np.mean(losses[:5]))
claim("no collapse: the spread grows", spreads[-1] > 2 * spreads[0] and spreads[-1] > 1)
claim("0 in some late step", min(losses[-20:]) == 0)

# %% [markdown]
# They begin as one line. The same formulas, written twice, give the same numbers. What rounding leaves between them grows from step to step; when two photos change
# places in the miner's eyes, the two runs go ways of their own, and end at the same height. Neither is better.
#
# A loss of 0 in a late step is a batch in which no triplet is left to learn from. It has two meanings
# (lesson 11), and the spread in the log says which: these faces lie far apart. Your network is done with its
# thirty people.
#
# ## It knows faces
#
# For each of the photos that were held out: which training photo lies nearest? Whoever guesses is right once
# in thirty times.

# %%
fresh = new_weights(16, (8, 16), 32, np.random.default_rng(16))
networks = {
    "yours, fresh": lambda photos: forward(fresh, photos)[0],
    "yours": lambda photos: forward(weights, photos)[0],
    "the library's": lambda photos: theirs.forward(photos.astype(np.float32)),
}
nearest, rates = {}, {}
for name, embed in networks.items():
    rows = np.concatenate([embed(images[held_out]), embed(images[training])]).astype(float)
    distances = all_squared_distances(rows)[: len(held_out), len(held_out) :]
    nearest[name] = training[distances.argmin(axis=1)]
    rates[name] = (labels[nearest[name]] == labels[held_out]).mean()
    print(f"{name:14} {rates[name]:.0%} of {len(held_out)} faces next to the right person")

# %% tags=["drawing"]
shown = np.arange(0, len(held_out), 18)[:8]
ax = gallery(None, (7.5 + 1.3, 2.9), "Who is it? The nearest photo of the training", CREDIT, -1.6)
for row, name in enumerate(("photo", "yours", "the library's")):
    write(ax, -1.05, 1.1 * row, name, "0.3", fontsize=10)
    for column, i in enumerate(shown):
        index = held_out[i] if row == 0 else nearest[name][i]
        same = labels[index] == labels[held_out[i]]
        colour, dash = ("0.6", "-") if row == 0 else (SAME, "-") if same else (DIFFERENT, "--")
        tile(ax, everybody.images[index], (1.1 * column, 1.1 * row), colour, dash)
picture(
    ax,
    "Eight held-out faces of 16 by 16 pixels, and below each the nearest photo of the training, "
    "for your network and for the library's. Nearly all have a solid blue frame, the right "
    "person; a dashed frame is somebody else.",
)

# %% tags=["claim"]
claim("far above guessing", rates["yours"] > 0.5)
claim("about as often as the library's", abs(rates["yours"] - rates["the library's"]) < 0.12)
claim("better than before", rates["yours"] > rates["yours, fresh"])

# %% [markdown]
# A solid blue frame is the right person, a dashed one somebody else. At 16 x 16 pixels a face is 256 numbers, and
# your network finds its person about as often as the library's does, far above guessing. That the fresh one does
# well, too, is lesson 12's warning: photos of one person from one session resemble each other in light and hair.
#
# That is all. From an edge filter of nine numbers to a network that was told nothing but who belongs together:
# there is no line in between that you could not explain.
#
# **Try next.** `hint`, `solution` and `check` work here, too: `from exercises import progress`. Then break it on
# purpose: `RATE = 0.5` (which number of the log says so first?), `first_weights` twice as large, `POOL` of
# 3 x 3 with a stride of 2 and a padding of 1. And the race: where does your network spend its time? `%prun` tells;
# lessons 06 to 08 have the cure.
#
# **And further?** Lessons 17 to 23 stand each on its own: how far a step goes, batch norm and NN2, 128 bytes, two
# networks that understand each other, the losses since, what a network looks at, and whose door it opens.
