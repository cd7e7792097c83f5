# %% [markdown]
# # 18 · Batch norm, inception and NN2
#
# **The numbers in a network grow, fade and drift while it learns. Can a layer set them right by itself?**
#
# In lesson 17 first weights of half the size killed a network in one step. The paper is from early 2015,
# and in the same weeks Ioffe and Szegedy published a layer that takes this worry away. FaceNet does without
# it; most networks since have it, or something like it. This lesson derives it, trains with and
# without it, and says what it costs. Then it takes the paper's second network, NN2, apart: *why* does it do
# the work of NN1 with a nineteenth of the weights?
#
# Thirty minutes. From the paper: section 3.3, Table 2. In the library: `minifacenet/nn/batchnorm.py`,
# `folding.py`, `concat.py`, `l2pool.py`, and `minifacenet/embedding/inception.py`.

# %%
import csv

import numpy as np
from exercises import check, hint, mine, solution
from show import CREDIT, HERE, axes, errors_from_zero, faces, picture

from minifacenet import Architecture, FaceNet
from minifacenet.embedding.batches import to_input
from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.inception import COLUMNS, NN2_PAPER, NN2_ROWS, NN2_WIDTHS
from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.l2pool import L2Pool
from minifacenet.nn.layer import Sequential
from minifacenet.nn.maxpool import MaxPool
from minifacenet.plots.style import DIFFERENT, HUES, SAME

# %% [markdown]
# ## Four numbers
#
# A channel gave four photos the numbers 1, 3, 5 and 7. Subtract their mean, divide by their standard
# deviation: what comes out? Take a pencil. And then, without it: what comes out of 101, 103, 105 and 107? Of
# 10, 30, 50 and 70? Of -1, -3, -5 and -7?


# %%
def normalised(x, eps=1e-5):
    """Each channel, the last axis, with mean 0 and variance 1 over all photos and pixels."""
    rest = tuple(range(x.ndim - 1))
    return (x - x.mean(axis=rest)) / np.sqrt(x.var(axis=rest) + eps)


four = np.array([[1.0], [3.0], [5.0], [7.0]])
for x in (four, four + 100, 10 * four, -four):
    print(x[:, 0], "->", normalised(x)[:, 0].round(2))

# %% tags=["claim"]
from show import claim

claim(
    "the first three are the same",
    np.allclose(normalised(four + 100), normalised(10 * four), atol=1e-4),
)
claim("mean 4, variance 5", four.mean() == 4 and four.var() == 5)

# %% [markdown]
# The mean is 4, the variance 5, and the first three agree. Where the numbers lie and how far they spread is
# forgotten; what is left is which photo has more than the others, and by how much. That is **batch norm**, but
# for two vectors that it learns, $\gamma$ and $\beta$, one number per channel each. If a shift or a stretch was
# worth something, they can bring it back:
#
# $$z = \frac{x - \mu}{\sqrt{v + \epsilon}} \qquad y = \gamma\,z + \beta$$
#
# In an image, $\mu$ and $v$ are taken over all photos of the batch *and* all pixels, since a filter means the
# same at every place. Here are the channels of conv2 in a fresh nn1_mini, for one photo of each person.

# %%
small = faces(32)
photos = to_input(small.images[::10])
plain = Architecture("nn1_mini", 32, channels=1, lrn=False)
with_norm = Architecture("nn1_mini_bn", 32, channels=1)
x = photos
for name, layer in FaceNet.new(plain, seed=18).network.layers.items():
    x = layer.forward(x)
    if name == "conv2":
        break
channels = x.reshape(-1, x.shape[-1])
centre, spread = channels.mean(axis=0), channels.std(axis=0)
print(f"{channels.shape[1]} channels: means from {centre.min():.2f} to {centre.max():.2f}, "
      f"deviations from {spread.min():.2f} to {spread.max():.2f}")  # fmt: skip

# %% tags=["drawing"]
panels = axes(9, 2.8, columns=2)[0]
for panel, values, title in zip(
    panels, (channels, normalised(channels)), ("conv2", "behind batch norm"), strict=True
):
    order = np.argsort(centre)
    middle, width = values.mean(axis=0)[order], values.std(axis=0)[order]
    panel.errorbar(range(len(order)), middle, width, fmt="o", color=SAME, markersize=3, linewidth=1)
    panel.axhline(0, color="0.4", linewidth=0.8)
    panel.set(xlabel="channel, sorted by its mean", ylim=(-3, 3))
    panel.set_title(title, loc="left", fontsize=10)
    panel.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("mean ± deviation")
picture(
    panels,
    "Mean and standard deviation of each channel of conv2: they differ from channel to channel, and "
    "behind batch norm all means are 0 and all deviations 1.",
)

# %% [markdown]
# What does the ReLU behind it do to the channels at the left end? To those at the right end? Behind batch norm
# it splits every channel about in the middle.
#
# And the weights of half and of twice the size, which lesson 17 could not ignore? Guess what is left of them
# behind each row of `nn1_mini_bn`, nn1_mini with a batch norm behind every convolution and every linear map.

# %%
sizes = {}
for factor in (0.5, 1.0, 2.0):
    network, x = FaceNet.new(with_norm, seed=18).network, photos
    for name, parameter in network.parameters().items():
        if name.endswith("weight"):
            with parameter.edit() as values:
                values *= factor
    sizes[factor] = []
    for name, layer in network.layers.items():
        x = layer.forward(x, train=True)
        if name.endswith(("relu", "maxout")):
            sizes[factor].append(np.sqrt(np.square(x, dtype=np.float64).mean()))
    print(f"x {factor}:", "  ".join(f"{size:.2f}" for size in sizes[factor]))

# %% tags=["claim"]
claim("nothing is left of them", np.allclose(sizes[0.5], sizes[2.0], rtol=0.01))
claim("about 0.7 behind each ReLU", all(0.65 < size < 0.75 for size in sizes[1.0][:11]))

# %% [markdown]
# Nothing. Each layer is set right before the next one sees it: 0.7 behind each ReLU, which keeps the upper half
# of a variance of 1. What He's first weights do once, batch norm does in every step.
#
# ## The slope
#
# Now backward. Let $d$ be the slope of the loss in $y$. Each $x$ acts in three ways: on its own $z$; on $\mu$,
# and through it on *all* $z$ of the channel; and on $v$, and through it on all $z$ again. That is why this is the
# derivation everybody gets wrong once. Before any formula, two questions. All $x$ of a channel are raised by the
# same small amount: how do the $y$ change? All $x$ are moved a hundredth farther from their mean: how do the $y$
# change? So what must be true of the slopes $dx$ of a channel, whatever $d$ is?
#
# ## Exercise 18.1
#
# Find $dx$, $d\gamma$ and $d\beta$. It may help to begin with a single channel of $m$ numbers, $\epsilon = 0$ and
# $\gamma = 1$.


# %% tags=["exercise"]
def batchnorm_gradients(dout, x, gamma, eps):
    """The slopes of x, gamma and beta: dx of the shape of x, dgamma (C,), dbeta (C,).

    dout, x: ndarrays (N, C) or (N, H, W, C); mean and variance are over all axes but the last.
    """
    raise NotImplementedError


# %%
check("18.1", batchnorm_gradients)

# %% [markdown]
# Neither a shift nor a stretch of all $x$ changes any $y$. So a step along $(1, 1, \dots, 1)$ has the slope 0, and
# a step along $z$ has it, too: $\sum dx = 0$ and $\sum dx\,z = 0$. That is nearly the answer. Without the two
# detours it would be $d\,\gamma / \sqrt{v + \epsilon}$; the detours take away what points along these two
# directions. With means over the $m$ numbers of the channel,
#
# $$dx = \frac{\gamma}{\sqrt{v + \epsilon}}
# \Big( d - \overline{d} - z\;\overline{d\,z} \Big) \qquad
# d\gamma = \sum d\,z \qquad d\beta = \sum d$$
#
# The middle term is what goes through $\mu$: each $x$ moves $\mu$ by $1/m$, and $\mu$ pulls all $z$ down. The last
# one goes through $v$: $\partial v / \partial x = 2 (x - \mu) / m$, and $z$ falls by half of its share of that. (You
# have seen this before: exercise 05.4 took away what points along the vector itself, since the sphere forgets the
# length.)
#
# Is it worth the trouble? Here is what is missing without the detours, for one channel of 20 numbers.

# %%
gradients = mine["18.1"]
rng = np.random.default_rng(18)
x, d = rng.standard_normal((20, 1)), rng.uniform(0, 1, (20, 1))
one, eps = np.ones(1), 1e-5
z, deviation = normalised(x), np.sqrt(x.var() + eps)
attempts = {
    "right": gradients(d, x, one, eps)[0],
    "without the term of v": (d - d.mean()) / deviation,
    "without both terms": d / deviation,
}
right = attempts["right"]
for name, dx in attempts.items():
    off = np.linalg.norm(dx - right) / np.linalg.norm(right)
    print(f"{name:22} sum {dx.sum():6.2f}   along z {(dx * z).sum():6.2f}   off by {off:.0%}")
ones = np.ones_like(x)
for name, dx in (("term of v", (ones - ones.mean()) / deviation), ("both", ones / deviation)):
    print(f"d = 1, without {name}: largest slope {np.abs(dx).max():.2f}")

# %% tags=["claim"]
claim("right: both sums are 0", max(abs(right.sum()), abs((right * z).sum())) < 1e-3)
claim("without both it is off by more than its own size", np.linalg.norm(
    attempts["without both terms"] - right) > np.linalg.norm(right))  # fmt: skip

# %% [markdown]
# (And a check with $d = 1$ everywhere finds a backward without both terms, but not one without the last. Lesson 05
# had such impostors: a random $d$, always.)
#
# ## Whose mean?
#
# There is a price. The network has learnt to see every face *beside the others of its batch*. Take one photo, put
# it into four batches with 19 others each, and look at its embedding by a fresh `nn1_mini_bn`. It is one photo,
# and the same weights: how far from each other are the four points? (Two random points are 2 apart.)

# %%
network = FaceNet.new(with_norm, seed=18).network
rng = np.random.default_rng(18)
seen = []
for _ in range(4):
    others = rng.choice(np.arange(1, 400), 19, replace=False)
    seen.append(network.forward(to_input(small.images[[0, *others]]), train=True)[0])
apart = squared_distances(np.array(seen))[np.triu_indices(4, k=1)]
print("distances of one photo to itself:", *(f"{d:.2f}" for d in apart))
alone = [
    network.forward(to_input(small.images[batch]))[0] for batch in ([0], [0, 5, 9], list(range(20)))
]
print(f"with running means, three batches: {squared_distances(np.array(alone)).max():.6f}")

# %% tags=["claim"]
claim("half as far as random points", 0.7 < apart.mean() < 1.4)
claim("with running means it is one point", squared_distances(np.array(alone)).max() < 1e-5)

# %% [markdown]
# On average half as far as two random points. For training that is noise, and not a bad one. To name somebody it will not do: who you
# are must not depend on who else is in the photo, and a batch of one has no variance at all. So batch norm keeps
# **running means** of $\mu$ and $v$ while it trains, $r \leftarrow 0.9\,r + 0.1\,\mu$, and uses those afterwards:
# `forward(x)` in place of `forward(x, train=True)`. It is easy to take the wrong one
# of the two, and nothing warns of it. They also have to catch up. They begin at 0 and 1: which share of
# that beginning is left after ten steps? After eighty?

# %%
for count in (10, 80):
    print(f"after {count} steps: {0.9**count:.4f}")

# %% [markdown]
# ## Exercise 18.2
#
# After training, $\mu$ and $v$ are constants. The convolution in front of the batch norm is a weighted sum, plus a
# bias. What are the two of them together? Find the weights and the biases of *one* convolution that does what both
# did, so that the batch norm costs nothing when the network is used.


# %% tags=["exercise"]
def folded(w, b, gamma, beta, mean, variance, eps):
    """The weights and biases of one convolution in place of a convolution and its batch norm.

    w: ndarray (kh, kw, C, O). b, gamma, beta, and the running mean and variance: ndarrays (O,).
    """
    raise NotImplementedError


# %%
check("18.2", folded)

# %% [markdown]
# $\gamma\,(w x + b - \mu) / s + \beta$ with $s = \sqrt{v + \epsilon}$ is again a weighted sum: each filter times
# $\gamma / s$, and $(b - \mu)\,\gamma / s + \beta$ for its bias. On faces, with running means of 30 batches:

# %%
chance = np.random.default_rng(18)
conv, norm = Conv2D(1, 16, kernel=7, rng=chance, stride=2, pad=3), BatchNorm(16)
for _ in range(30):
    batch = small.images[chance.choice(400, 20, replace=False)]
    norm.forward(conv.forward(to_input(batch)), train=True)
two_layers = norm.forward(conv.forward(photos))
w, b = (conv.parameters()[name].data for name in ("weight", "bias"))
state = (norm.gamma.data, norm.beta.data, norm.running_mean.data, norm.running_variance.data)
one_layer = Conv2D(1, 16, kernel=7, rng=None, stride=2, pad=3)
for name, values in zip(("weight", "bias"), mine["18.2"](w, b, *state, norm.eps), strict=True):
    with one_layer.parameters()[name].edit() as parameter:
        parameter[:] = values
apart = np.abs(one_layer.forward(photos) - two_layers).max() / np.abs(two_layers).max()
print(f"largest difference, as a share of the largest output: {apart:.0e}")
print(f"mean {two_layers.mean():.2f}, deviation {two_layers.std():.2f} behind the running means")

# %% tags=["claim"]
claim("the same but for rounding", apart < 1e-5)

# %% [markdown]
# The library does that with a whole network before it embeds (`FaceNet.for_inference`). Batch norm costs time in
# training alone.
#
# ## With and without it
#
# Does it help? `make_batchnorm.py` has trained two networks on 30 people of ORL that differ in the batch norm
# alone: 80 steps on batches of 10 people with 4 photos each, 32 x 32 pixels, three seeds, and three rates:
# the default 5e-4, ten times as much, a hundred times as much. That is 18 runs. **Before you look:** six pairs of a network and a rate; which of
# them learn, and which collapse? And at the default rate: which of the two will know strangers better?

# %%
with (HERE / "results" / "batchnorm.csv").open(newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
logs = {}
for row in rows:
    logs.setdefault((row["network"], row["rate"]), {}).setdefault(row["seed"], []).append(row)


def at_the_end(network, rate, field):
    """The last value of each seed, ndarray (3,)."""
    return np.array([float(log[-1][field]) for log in logs[network, rate].values()])


# %% tags=["drawing"]
RATES = ("0.0005", "0.005", "0.05")
panels = axes(9, 3, columns=3)[0]
for panel, rate in zip(panels, RATES, strict=True):
    for name, colour, line in (("plain", DIFFERENT, "--"), ("batch norm", SAME, "-")):
        for number, log in enumerate(logs[name, rate].values()):
            steps = [int(row["step"]) for row in log]
            losses = [float(row["loss"]) for row in log]
            label = name if number == 0 else None
            panel.plot(steps, losses, line, color=colour, linewidth=1.5, label=label)
    panel.axhline(0.2, color="0.4", linestyle=":", linewidth=1)
    panel.set(xlabel="training step", ylim=(0.1, 0.21))
    panel.set_title(f"rate {float(rate):g}", loc="left", fontsize=10)
    panel.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("loss, means of ten steps")
panels[0].legend(frameon=False, loc="lower left")
picture(
    panels,
    "The loss of three seeds at three rates: without batch norm it falls at the smallest rate, not with "
    "all seeds, and stays at the margin at the others; with batch norm it falls in all runs.",
)

# %%
print("network     rate     loss    spread  held out  strangers")
for (name, rate), _ in logs.items():
    loss, spread, held_out, strangers = (
        at_the_end(name, rate, field) for field in ("loss", "spread", "held_out", "strangers")
    )
    print(
        f"{name:10}  {float(rate):6g}  {loss.mean():6.3f}  {spread.mean():8.2g}  "
        f"{held_out.mean():8.2f}  {strangers.mean():9.2f}"
    )
pairs = {
    "both at 5e-4": ("0.0005", "0.0005"),
    "plain at 5e-4, batch norm at 5e-3": ("0.0005", "0.005"),
}
changes = {}
for text, (first, second) in pairs.items():
    for field in ("held_out", "strangers"):
        change = at_the_end("batch norm", second, field) - at_the_end("plain", first, field)
        error = change.std(ddof=1) / np.sqrt(len(change))
        changes[text, field] = change
        print(f"{text}, {field}: {change.mean():+.2f} ± {error:.2f}")

# %% tags=["claim"]
claim("18 runs", sum(map(len, logs.values())) == 18)
claim("with batch norm the loss falls in all nine", all(
    (at_the_end("batch norm", rate, "loss") < 0.15).all() for rate in ("0.0005", "0.005", "0.05")
))  # fmt: skip
claim("without it, at ten and a hundred times the rate, in none", all(
    (at_the_end("plain", rate, "loss") > 0.18).all() for rate in ("0.005", "0.05")
))  # fmt: skip
claim("at the default in two of three", (at_the_end("plain", "0.0005", "loss") < 0.16).sum() == 2)
claim("its spread is 2 from the first steps on", all(
    1.8 < float(row["spread"]) < 2.2 for row in rows if row["network"] == "batch norm"
))  # fmt: skip
claim("at the default rate it knows the people of the training worse", errors_from_zero(
    changes["both at 5e-4", "held_out"]) < -2)  # fmt: skip
claim("nothing else stands clear", all(abs(errors_from_zero(change)) < 2 for key, change in
    changes.items() if key != ("both at 5e-4", "held_out")))  # fmt: skip

# %% [markdown]
# Batch norm keeps its promise: the loss falls in all nine runs, over a factor of a hundred in the rate. Without it
# ten times the default is too much for every seed, and at the default one of three is back at the margin
# before the end.
#
# And what it did not promise, it does not do here. VAL at FAR 0.01 is no better: at the default rate it is worse on
# held-out photos, and the other differences are within two standard errors. It makes a training **easier to
# start**, and this one could be started by a good rate as well. (Three seeds, 80 steps, a last map of one pixel:
# another training may say otherwise. `nn1_mini_bn` is there to try it.)
#
# One more thing in that table. The spread with batch norm is 2 from the first steps on. Lesson 12 called the spread
# the alarm, and here it cannot ring: the last batch norm gives every dimension the mean 0 *over the batch*, and
# points whose mean is 0 cannot all be one point. So with this layer at the end look at strangers, and not at the
# spread.
#
# ## Several windows at once
#
# Now NN2. Lesson 09 looked at one of its rows: an **inception** sends its input through several branches, 1x1,
# 3x3, 5x5 and a pool, and lays their outputs side by side along the channels. Forward that is `np.concatenate`.
# And backward? Every branch gets its slice of the slope and sends one back. What is the slope of the input, which
# all four have read?

# %%
chance = np.random.default_rng(18)


def branch(kernel):
    return Sequential(
        ("conv", Conv2D(3, 2, kernel=kernel, rng=chance, pad=kernel // 2, dtype=float))
    )


branches = {"1x1": branch(1), "3x3": branch(3), "5x5": branch(5)}
joined = Concat(*branches.items())
x = chance.standard_normal((1, 6, 6, 3))
y = joined.forward(x, train=True)
dout = chance.standard_normal(y.shape)
dx = joined.backward(dout)
parts = []
for number, layer in enumerate(branches.values()):
    layer.forward(x, train=True)
    parts.append(layer.backward(dout[..., 2 * number : 2 * number + 2]))
print("output", y.shape, "  dx is the sum of what the branches send:", np.allclose(dx, sum(parts)))

# %% tags=["claim"]
claim("the sum", np.allclose(dx, sum(parts)))

# %% [markdown]
# The sum, as always when something is used several times.
#
# **A pool that hears everybody.** In most of NN2's rows the pool takes no maximum but the L2 norm of its window.
# A window holds 3, 4, 0 and 0. What does max pooling give, and what L2 pooling? And which slopes do they send back
# to the four, for a 1 from above? Guess the second, then look.

# %%
window = np.array([3.0, 4.0, 0.0, 0.0]).reshape(1, 2, 2, 1)
for pool in (MaxPool(2, 2), L2Pool(2, 2)):
    out = pool.forward(window, train=True)
    back = pool.backward(np.ones_like(out))
    print(f"{type(pool).__name__:8} gives {out.item()}   sends back {back.ravel()}")

# %% tags=["claim"]
claim("0.6 and 0.8", np.allclose(back.ravel(), [0.6, 0.8, 0, 0]))

# %%
face = to_input(faces(96).images[[122]]).astype(np.float64)
edges = np.abs(np.diff(face, axis=2))
maps = {"vertical edges": edges[0, ..., 0]}
for name, pool in (("max pool, 3x3", MaxPool(3, 1, 1)), ("L2 pool, 3x3", L2Pool(3, 1, 1))):
    maps[name] = pool.forward(edges)[0, ..., 0]

# %% tags=["drawing"]
panels = axes(8, 3, columns=3)[0]
for panel, (name, values) in zip(panels, maps.items(), strict=True):
    panel.imshow(values, cmap="gray", vmax=np.quantile(values, 0.995))
    panel.set_title(name, fontsize=10)
    panel.axis("off")
panels[0].figure.text(0.995, -0.03, CREDIT, ha="right", fontsize=7, color="0.4")
picture(
    panels,
    "The vertical edges of a face, their maxima over 3 by 3 pixels, which are square blocks, and their "
    "L2 norms, which are smoother.",
)

# %% [markdown]
# A maximum of 4 is a 4, whatever stands beside it: each strong edge becomes a block. The norm of 3 and 4 is 5, both
# are heard, and both are told: 0.6 and 0.8, each its own share. Its map is smoother. (Whether it makes a better
# network, the paper does not say.)

# %%
print({column: NN2_WIDTHS[f"inception3a.{column}"] for column in COLUMNS})

# %% [markdown]
# ## Exercise 18.3
#
# What does a row of Table 2 cost? Above is inception3a. 192 channels of 28 x 28 come in. It has 64 filters of
# 1x1; a 1x1 *reduction* to 96 channels, and 128 filters of 3x3 on those; a reduction to 16, and 32 filters of
# 5x5; a pool, and 32 filters of 1x1 behind it. A row that halves the map (stride 2) does so in its 3x3, its 5x5
# and its pool. It has no 1x1 filters, and passes on all channels of its pool as they are: the table then has 0
# in both places. All maps are padded so that a stride of 1 keeps their side. Count biases, as parameters and as
# multiply-adds, as the paper does.


# %% tags=["exercise"]
def inception_cost(side, channels, row, stride):
    """Parameters, multiply-adds of one photo, and output channels: three integers.

    side: of the input map, even. channels: of the input. row: the six numbers of Table 2, (1x1,
    3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj). stride: 1 or 2.
    """
    raise NotImplementedError


# %%
check("18.3", inception_cost)

# %% [markdown]
# And now all ten rows of Table 2 by your function, beside what the paper prints:

# %%
cost = mine["18.3"]
side, channels, counted = 28, 192, {}
for name, settings in NN2_ROWS.items():
    row = tuple(NN2_WIDTHS.get(f"{name}.{column}", 0) for column in COLUMNS)
    parameters, work, outputs = cost(side, channels, row, settings.stride)
    counted[name] = parameters, work
    side, channels = side // settings.stride, outputs
    printed = "{:>5} {:>5}".format(*NN2_PAPER[name])
    print(f"{name}  {side}x{side}x{channels:<5} {parameters:>10,} {work:>12,}   printed: {printed}")

# %% tags=["claim"]
claim("19 of the twenty figures, after rounding", sum(
    abs(value / {"K": 1e3, "M": 1e6}[text[-1]] - float(text[:-1]))
    <= 0.5001 * 10 ** -len(text[:-1].partition(".")[2])
    for name, values in counted.items()
    for value, text in zip(values, NN2_PAPER[name], strict=True)
) == 19)  # fmt: skip
claim("inception4a has 545,536", counted["inception4a"][0] == 545_536)
claim("it ends at 7x7x1024", (side, channels) == (7, 1024))

# %% [markdown]
# All of them after rounding, but for one: the 545,536 of inception4a were cut to 545K, not rounded.
#
# ## What a weight is worth
#
# NN1 has 140 million parameters, NN2 has 7.5 million, and both need 1.6 thousand million multiply-adds for a photo.
# How can that be? Ask of a single weight: **how often is it used?** A weight of a filter whose output map has
# 28 x 28 places is used $28 \cdot 28 = 784$ times for one photo. One of `fc1`, once. So, for a
# convolution and for a linear layer alike,
#
# $$\text{multiply-adds} = \text{parameters} \times \text{places of its map}$$
#
# Here are all rows of both networks. On a dotted line all rows use their weights equally often. Where do you
# expect NN1's three `fc` rows, and on which lines lie most of NN2's weights?

# %%
tables = {}
for name in ("nn1", "nn2"):
    architecture = Architecture(name)
    table = FaceNet.blank(architecture).network.table(architecture.input_shape)
    tables[name] = [row for row in table if row.parameters]

# %% tags=["drawing"]
ax = axes(8, 4.6)
for (name, table), colour, sign in zip(tables.items(), HUES, "os", strict=False):
    ax.plot(
        [row.parameters for row in table], [row.multiply_adds for row in table], sign,
        color=colour, markersize=7, label=name.upper(), alpha=0.85,
    )  # fmt: skip
    beside = {"conv3": 9, "fc1": -13, "fc2": -13, "fc7128": -13}  # NN2's are to the right
    for row in table:
        to_the_right = row.name in ("inception5a", "fc128")
        if to_the_right or row.name in beside:
            ax.annotate(
                row.name, (row.parameters, row.multiply_adds),
                (8, -3) if to_the_right else (0, beside[row.name] - 3),
                textcoords="offset points", ha="left" if to_the_right else "center",
                fontsize=8, color="0.2",
            )  # fmt: skip
    conv1 = table[0].parameters, table[0].multiply_adds
ax.annotate("conv1 of both", conv1, (0, -14), textcoords="offset points", ha="center", fontsize=8)
ends = np.array([2e3, 3e8])
for side, text in ((1, "once"), (7, "49 times"), (28, "784 times"), (110, "12,100 times")):
    ax.plot(ends, side**2 * ends, ":", color="0.5", linewidth=1)
    place = min(1.6e8, 1.05e9 / side**2)
    ax.text(place, side**2 * place * 1.1, f"{text} ", fontsize=8, color="0.3", ha="right")
ax.set(
    xscale="log", yscale="log", xlabel="parameters", ylabel="multiply-adds of one photo",
    xlim=ends, ylim=(8e4, 1.5e9),
)  # fmt: skip
ax.legend(frameon=False, loc="lower right")
picture(
    ax,
    "Multiply-adds over parameters for each row of NN1 and NN2, both logarithmic: NN1's fully connected "
    "rows lie far right on the line of one use, all rows of maps lie between 49 and 12,544 uses.",
)

# %%
uses = {}
for name, table in tables.items():
    total, work = (
        sum(getattr(r, field) for r in table) for field in ("parameters", "multiply_adds")
    )
    flat = [row for row in table if len(row.output) == 1]
    once, its_work = sum(row.parameters for row in flat), sum(row.multiply_adds for row in flat)
    uses[name] = (
        work / total,
        once / total,
        its_work / work,
        total - once,
        (work - once) / (total - once),
    )
    print(
        f"{name}: {total:>12,} parameters, {work:,} multiply-adds: {work / total:.0f} uses of a weight"
    )
    print(
        f"  used once: {once:>11,} parameters, {uses[name][1]:.1%}, for {uses[name][2]:.1%} of the work"
    )
    print(f"  the rest:  {total - once:>11,} parameters, {uses[name][4]:.0f} uses each")

# %% tags=["claim"]
claim("11 uses, and more than 200", round(uses["nn1"][0]) == 11 and 200 < uses["nn2"][0] < 220)
claim(
    "98 % for a twelfth of the work",
    0.975 < uses["nn1"][1] < 0.985 and 0.08 < uses["nn1"][2] < 0.09,
)
claim(
    "7.5 million, a nineteenth of NN1",
    round(1 / (uses["nn2"][3] / (1 - uses["nn2"][1]) / 140e6)) == 19,
)
claim("twice as many in the maps", 2 < uses["nn2"][3] / uses["nn1"][3] < 2.5)
claim("each used half as often", 0.4 < uses["nn2"][4] / uses["nn1"][4] < 0.5)

# %% [markdown]
# That is the whole secret. A weight of NN1 is used 11 times on average, one of NN2 more than 200 times. NN1 keeps 98 %
# of its parameters in rows that use each of them once, for a twelfth of the work. NN2 leaves `fc1` and `fc2` out,
# takes the mean of each channel instead, and spends what it saves on more filters where the map is small. Even
# without the `fc` rows it has twice as many weights as NN1, and uses each of them half as often.
#
# **Parameters** are memory, download, and how much there is to learn by heart. **Multiply-adds** are time and
# battery. They are two currencies, and the rate of exchange is the number of places. Whoever wants a network for
# a phone looks at both: the paper's NNS2 needs 20 million multiply-adds. And is NN2 the worse for its few weights?
# In the paper it is a little better, within the errors (Table 3).
#
# **Try next.** A batch norm in the small network of lesson 17, and weights of half the size: does it learn now?
# And with the last batch norm alone, behind the linear layer? Then a row for inception3a that has as many output
# channels, no reductions, and no more multiply-adds: what is left of its 5x5? (18.3 tells.) And
# `minifacenet summary nn4_small2`, which batch norms has it, and how many uses does a weight have there?
