# %% [markdown]
# # 04 · Local response normalisation
#
# **Ten times the light gives ten times the response. Is the edge ten times as important?**
#
# A filter answers the dark line between hair and forehead with a large number, and the soft line of a
# cheek with a small one. The cheek may say more about who it is. *Local response normalisation*, the
# rows `rnorm1` and `rnorm2` of the paper's Table 1, lets the channels of a pixel damp each other:
# where many of them are loud, all of them count less.
#
# This lesson works the formula out on eight numbers, shows it on a face, asks when it does anything at
# all, and derives its backward. Fifteen minutes. From the paper: Table 1, which says "rnorm" and no
# more. The idea is AlexNet's (Krizhevsky et al. 2012, section 3.3); the formula below is the one that
# Caffe and PyTorch have made of it. In the library: `minifacenet/nn/lrn.py`.

# %%
import inspect

import numpy as np
from exercises import check, hint, solution
from show import CREDIT, axes, faces, picture

from minifacenet import Architecture, FaceNet
from minifacenet.embedding.batches import to_input
from minifacenet.nn.conv import conv_forward
from minifacenet.nn.gradcheck import check_layer
from minifacenet.nn.lrn import LRN, lrn_forward
from minifacenet.nn.relu import relu_forward
from minifacenet.nn.window import Window
from minifacenet.plots.style import DIFFERENT, HUES, SAME

# %% [markdown]
# ## Eight channels of one pixel
#
# Channel $c$ looks at the $n$ channels around it, itself included, and adds up their squares. That sum
# makes a scale $s$, and the response is divided by a power of it:
#
# $$s_c = k + \frac{\alpha}{n} \sum_{c'=c-\lfloor n/2 \rfloor}^{c+\lfloor n/2 \rfloor} x_{c'}^2
# \qquad\qquad y_c = x_c \, s_c^{-\beta}$$
#
# At both ends of the channels the sum is simply shorter. Take $n = 3$, $k = 1$, $\beta = 0.75$ and, to
# see something, $\alpha = 3$, so that $\alpha / n = 1$:

# %%
x = np.array([0.0, 2, 0, 0, 2, 6, 0, 0])
y, (_, s, *_) = lrn_forward(x, n=3, alpha=3, beta=0.75, k=1)
for name, values in (("x", x), ("s", s), ("y", y)):
    print(name, " ".join(f"{v:6.2f}" for v in values))

# %% tags=["claim"]
from show import claim, errors_from_zero, measured

claim("a fifth of the output", round(y[1] / y[4]) == 5)

# %% [markdown]
# Follow two of them by hand. Channel 1 is alone: $s = 1 + 0 + 4 + 0 = 5$, and
# $y = 2 / 5^{0.75} = 0.60$. Channel 4 has the same response, 2, but a loud neighbour:
# $s = 1 + 0 + 4 + 36 = 41$, and $y = 2 / 41^{0.75} = 0.12$. The same input, a fifth of the output. Its
# neighbour paid as well, from 6 down to 0.37. What counts is no longer how large a response is, but
# how large it is **for its neighbourhood**.
#
# All pixels are on their own; nothing is learned; the shape stays. Here is the library's definition.
# It takes any array whose last axis are the channels:

# %%
print(inspect.getsource(lrn_forward))

# %% [markdown]
# ## Exercise 04.1
#
# Write what `_neighbours` does: for each channel the sum over the `n` channels around it. Beware of
# both ends: channel 0 has no left neighbour, and the last channel is not it.


# %% tags=["exercise"]
def neighbour_sums(v, n):
    """For each channel the sum over the n channels around it, itself included.

    v: ndarray (..., C), channels last. n: odd. Returns an array of v's shape.
    """
    raise NotImplementedError


# %%
check("04.1", neighbour_sums)

# %% [markdown]
# ## On a face
#
# To see channels compete, give them something to compete about: 16 filters, each of which looks for
# brightness that rises in one direction, all around the clock. Neighbouring channels look in
# neighbouring directions. A ReLU cuts off the negative half, as in the network. The photo has pixels
# from 0 to 255, and the constants are AlexNet's, but for a $k$ of 1 in place of 2: $n = 5$,
# $\alpha = 10^{-4}$, $\beta = 0.75$. Before you look: what will be damped more, the outline of the face or the eyes?


# %%
def clock_filters(directions=16, size=7, width=1.5):
    """Slopes of a Gaussian blob all around the clock: weights (size, size, 1, directions)."""
    v, u = np.mgrid[:size, :size] - size // 2
    blob = np.exp(-(u**2 + v**2) / (2 * width**2))
    angle = 2 * np.pi * np.arange(directions) / directions
    slopes = blob[..., None] * (u[..., None] * np.cos(angle) + v[..., None] * np.sin(angle))
    return (slopes / np.abs(slopes).sum(axis=(0, 1)) * 2)[:, :, None, :]


photos = faces()
face = photos.images[photos.paths.index("s8/8.png")].astype(np.float64)
slopes, _ = conv_forward(face[None], clock_filters(), np.zeros(16), Window.of(7, 1, 3))
slopes = slopes[:, 4:-4, 4:-4]  # the border sees the black padding
before = relu_forward(slopes)[0][0]
after, (_, s, *_) = lrn_forward(before, n=5, alpha=1e-4, beta=0.75, k=1)
damping = s**-0.75

# %%
strongest = before.max(axis=2)
loud = np.unravel_index(strongest.argmax(), strongest.shape)  # the cheek against the hair
quiet = (44, 55)  # beside the nose

# %% tags=["drawing"]
panels = axes(10, 3.1, columns=4)[0]
pictures = {
    "the photo": (face[4:-4, 4:-4, 0], 255),
    "strongest channel, before": (strongest, strongest.max()),
    "strongest channel, after": (after.max(axis=2), strongest.max()),
    "factor $s^{-\\beta}$, mean of 16": (damping.mean(axis=2), 1),
}
for panel, (title, (values, top)) in zip(panels, pictures.items(), strict=True):
    shown = panel.imshow(values, cmap="gray", vmin=0 if top > 1 else 0.5, vmax=top)
    panel.set_title(title, loc="left", fontsize=10)
    panel.set(xticks=[], yticks=[])
    panel.figure.colorbar(shown, ax=panel, orientation="horizontal", shrink=0.9, pad=0.02)
for name, place, colour in (("A", loud, DIFFERENT), ("B", quiet, SAME)):
    panels[0].plot(*place[::-1], "o", markersize=9, markerfacecolor="none", color=colour)
    panels[0].text(place[1] + 5, place[0], name, color=colour, fontweight="bold", va="center")
panels[0].figure.text(0.995, -0.04, CREDIT, ha="right", fontsize=7, color="0.4")
picture(
    panels,
    "A face with two marked pixels, A at the hair and B beside the nose; the strongest answer of "
    "16 edge filters before and after normalisation; and the damping factor. Before, the outline "
    "of the face outshines all; after, eyes, nose and mouth are nearly as bright as it is.",
)

# %% [markdown]
# The outline of the face against the dark hair shouts, and is damped by half; eyes, nose and mouth stay
# as they were. The two marked pixels, channel by channel:

# %% tags=["drawing"]
panels = axes(9, 2.9, columns=2)[0]
for panel, name, place, colour in zip(panels, "AB", (loud, quiet), (DIFFERENT, SAME), strict=True):
    panel.bar(range(16), before[place], color="none", edgecolor="black", label="before")
    panel.bar(range(16), after[place], color=colour, alpha=0.8, label="after")
    largest = f"{before[place].max():.0f} to {after[place].max():.0f}"
    panel.set_title(f"pixel {name}: the largest goes from {largest}", loc="left", fontsize=10)
    panel.set(xlabel="channel (direction of the filter)", ylabel="response", ylim=(0, 160))
    panel.legend(frameon=False)
    panel.spines[["top", "right"]].set_visible(False)
picture(
    panels,
    "The answers of 16 filters at the two pixels, before and after, as bars. At A, where many are "
    "large, all are cut, the largest by about half. At B, where all are small, nothing changes.",
)

# %%
ratio = [strongest[loud] / strongest[quiet], after[loud].max() / after[quiet].max()]
print(f"A over B: {ratio[0]:.1f} times before, {ratio[1]:.1f} times after")
bright = [lrn_forward(times * before[quiet])[0].max() for times in (1, 10, 20)]
print(f"ten times the light at B: {bright[1] / bright[0]:.1f} times the response;", end=" ")
print(f"twenty times: {bright[2] / bright[0]:.1f} times")

# %% tags=["claim"]
claim("the outline is damped by half", 0.4 < after[loud].max() / before[loud].max() < 0.65)
claim("beside the nose it stays as it was", after[quiet].max() > 0.97 * before[quiet].max())
claim("ten times the light is less than ten times the response", bright[1] < 9 * bright[0])
claim("twenty times is less than twenty", bright[2] < 15 * bright[0])
claim("channel 0 of A got off lightly", damping[loud][0] > damping[loud][15] + 0.1)

# %% [markdown]
# The more light, the less it counts: the answer to the question at the top. Channel 0 of pixel A got off lightly: on
# the clock it lies beside the loud channel 15, but for the formula the first channel has no left
# neighbour. Which channels are neighbours is an accident of their order, unless training makes sense
# of it.
#
# ## When does it do anything?
#
# $\alpha / n$ is 0.00002. The scale $s$ leaves 1 only where responses come near
# $\sqrt{n / \alpha} = 224$. AlexNet's photos had pixels from 0 to 255, and so had ours above. But
# this project's network sees `pixel / 127.5 - 1`, from -1 to 1, and the paper does not say what FaceNet
# saw. Send eight faces through a fresh nn1_mini and look at the factor in both rows:

# %%
factors = []
network = FaceNet.new(Architecture("nn1_mini", channels=1), seed=0).network
activity = to_input(photos.images[::50])
for name, layer in network.layers.items():
    if name == "conv3a":
        break
    inputs, activity = activity, layer.forward(activity)
    if name.startswith("rnorm"):
        factors.append((activity[inputs > 0] / inputs[inputs > 0]).min())
        print(f"{name}: largest response {inputs.max():.1f}, strongest damping {factors[-1]:.4f}")

# %% tags=["claim"]
claim("at most a few hundredths of a percent", len(factors) == 2 and min(factors) > 0.9993)
claim("alpha / n is 0.00002, and the root of n / alpha 224", round((5 / 1e-4) ** 0.5) == 224)
claim(
    "with and without LRN alike within the noise",
    abs(
        errors_from_zero(
            measured("ablations.csv")["LRN", "off"]["auc"]
            - measured("ablations.csv")["default", "default"]["auc"]
        )
    )
    < 2,
)

# %% [markdown]
# Nothing: at most a few hundredths of a percent. `lessons/results/ablations.csv` says the same from the
# other end: with and without LRN, networks trained from three seeds recognise strangers equally well
# within the noise. It is here because Table 1 has it; later networks left it out, or took batch
# normalisation. A constant without its units is half a recipe. Read the input scaling first.
#
# And where it does act, it does more than damp. Here is one channel, alone and with neighbours:

# %% tags=["drawing"]
panels = axes(9, 3.2, columns=2)[0]
x = np.linspace(0, 1000, 501)
for others, colour, dash in ((0, HUES[0], "-"), (300, HUES[1], "--"), (600, HUES[2], "-.")):
    channels = np.stack([np.full_like(x, others), x], axis=1)  # a neighbour, and the channel
    panels[0].plot(x, lrn_forward(channels)[0][:, 1], dash, color=colour, label=f"{others}")
panels[0].legend(title="a neighbour at", frameon=False, loc="upper left", ncols=3, fontsize=9)
panels[0].set(xlabel="response x", ylabel="response y", ylim=(0, 220))
panels[0].set_title("one channel, before and after", loc="left", fontsize=10)
x = np.geomspace(0.1, 1000, 200)
panels[1].semilogx(x, lrn_forward(x[:, None])[0][:, 0] / x, color="black")
for left, right, colour, name in ((0.1, 3, SAME, "input -1 to 1"), (15, 300, HUES[1], "0 to 255")):
    panels[1].axvspan(left, right, color=colour, alpha=0.2, linewidth=0)
    panels[1].text(np.sqrt(left * right), 0.1, name, ha="center", fontsize=9)
panels[1].set(xlabel="response x (logarithmic)", ylabel="factor $s^{-\\beta}$", ylim=(0, 1.05))
panels[1].set_title("damping of a channel on its own", loc="left", fontsize=10)
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
picture(
    panels,
    "Left: the response of one channel after normalisation against before, for three sizes of a "
    "neighbour; each curve rises, turns and falls again, and lies lower the louder the neighbour "
    "is. Right: the damping of a channel on its own, which is none for inputs from -1 to 1 and "
    "sets in for pixels from 0 to 255.",
)

# %%
x = np.arange(1, 1001.0)
print(
    f"a channel on its own answers most at x = {x[lrn_forward(x[:, None])[0][:, 0].argmax()]:.0f}"
)

# %% [markdown]
# With $\beta > \frac12$ the curve **turns**: beyond $x = 316$ a stronger input gives a weaker output. Its
# slope is negative there, and so is the gradient. That brings us to the backward.
#
# ## Backward: a channel reaches its neighbours
#
# In a ReLU, $x_c$ reaches $y_c$ and nothing else. Here it enters $y_c$ twice, as itself and in
# $s_c$, and it sits in the scale of every neighbour. Take the pencil, and the eight numbers from the
# top, where $\alpha / n = 1$. The 6 in channel 5 grows a little. By how much does $y_4$ change, for
# each unit of that? (Its $x_4$ is 2, and its $s_4$ was 41.) By how much $y_5$ itself? And $y_2$?
#
# On a face it looks like this. Here are all the slopes of the loud pixel A, as the layer's backward
# gives them, one output at a time (row $j$ is `backward` of a `dout` that is 1 in channel $j$ and 0
# elsewhere):

# %%
layer = LRN()
layer.forward(np.tile(before[loud], (16, 1)), train=True)
slopes = layer.backward(np.eye(16))

# %% tags=["drawing"]
top = np.abs(slopes).max()
ax = axes(5.4, 4.2)
shown = ax.imshow(slopes, cmap="PuOr", vmin=-top, vmax=top)
ax.figure.colorbar(shown, label="slope $\\partial y_j / \\partial x_c$")
ax.set(xlabel="input channel c", ylabel="output channel j", xticks=range(16), yticks=range(16))
ax.tick_params(labelsize=8)
ax.grid(False)
picture(
    ax,
    "The slopes of 16 output channels by 16 input channels as a table of colours. The diagonal is "
    "strong where the channels are quiet. Beside it, where the channels are loud, lies a band of pale "
    "orange, negative: there they push each other down.",
)

# %% tags=["claim"]
claim("the diagonal is nearly 1 where the channels are quiet", np.diag(slopes).max() > 0.9)
claim("beside it they push each other down", (slopes - np.diag(np.diag(slopes))).min() < -0.05)
claim("none pushes another up", (slopes - np.diag(np.diag(slopes))).max() <= 1e-9)
claim(
    "outside of a band of five is nothing",
    not slopes[np.abs(np.arange(16)[:, None] - np.arange(16)) > 2].any(),
)

# %% [markdown]
# The diagonal is what a channel does to itself: nearly 1 where the channels are quiet. Beside it, in
# a band of five, the loud channels push each other down. Outside of the band is nothing.
#
# ## Exercise 04.2
#
# Derive the backward, and write it. First the slope of one output by one input, $\partial y_j / \partial x_c$,
# once for $j = c$ and once for a neighbour. Then $\partial L / \partial x_c$ adds up over all outputs that $x_c$
# reaches, each with its upstream gradient $d_j = \partial L / \partial y_j$. 'Around' is mutual: $j$ is a neighbour
# of $c$ exactly if $c$ is one of $j$.


# %% tags=["exercise"]
def lrn_gradient(dout, x, n, alpha, beta, k):
    """dL/dx of local response normalisation.

    dout, x: ndarray (..., C), channels last. You may use `lrn_forward` from above, which also
    returns s: out, (x, s, n, alpha, beta) = lrn_forward(x, n, alpha, beta, k).
    """
    raise NotImplementedError


# %%
check("04.2", lrn_gradient)

# %%
layer = LRN(n=3, alpha=3.0)
layer.forward(np.tile([0.0, 2, 0, 0, 2, 6, 0, 0], (3, 1)), train=True)
by_hand = layer.backward(np.eye(8)[[4, 5, 2]])[:, 5]
print("slopes by x_5 of y_4, y_5 and y_2:", *(f"{slope:.4f}" for slope in by_hand))

# %% tags=["claim"]
claim("the pencil's slope of y_4", abs(by_hand[0] + 0.75 * 2 * 41**-1.75 * 2 * 6) < 1e-6)
claim("y_5 falls as x_5 grows", by_hand[1] < 0)
claim("y_2 does not notice", by_hand[2] == 0)

# %% [markdown]
# The pencil: $s_4$ changes by $2 \cdot 6$, and $y_4 = 2\, s_4^{-0.75}$ by $-0.75 \cdot 2 \cdot 41^{-1.75}$ for each
# unit of that. $y_5$ itself *falls*, since its own scale takes more than it gets: the curve has turned. In general
#
# $$\frac{\partial y_j}{\partial x_c} = [j = c]\, s_c^{-\beta} \;-\;
# \beta \, x_j \, s_j^{-\beta - 1} \cdot \frac{2 \alpha}{n} x_c
# \qquad \text{for } j \text{ around } c$$
#
# ($[j = c]$ is 1 where $j$ is $c$, and 0 elsewhere.) The second part is the chain rule: $y_j = x_j s_j^{-\beta}$, and
# $\partial s_j / \partial x_c$ is $\frac{2\alpha}{n} x_c$. Write $y_j / s_j$ for $x_j s_j^{-\beta-1}$, multiply by $d_j$ and
# add up:
#
# $$\frac{\partial L}{\partial x_c} = d_c \, s_c^{-\beta} - \frac{2 \alpha \beta}{n} \, x_c
# \sum_{j \text{ around } c} \frac{d_j \, y_j}{s_j}$$
#
# The sum is the same sum over $n$ channels as in the forward, of other values.
#
# Here is the library's backward against centred differences, as in lesson 02: every coordinate, in float64,
# with a random `dout`. The constants are strong ones, since with the usual ones the second term is so
# small that a layer without it would nearly pass.

# %%
rng = np.random.default_rng(0)
x = rng.standard_normal((2, 3, 7))
for constants in ({"alpha": 5.0}, {"alpha": 5.0, "beta": 0.6, "k": 2.0}, {"n": 3, "alpha": 2.0}):
    error = check_layer(LRN(**constants), x, rng)["input"]
    print(f"{constants}: {'right' if error < 1e-8 else error}, to 1e-8")

# %%
# How near would it come? The direct path alone, with the usual constants and small inputs.
dout = rng.standard_normal(x.shape)
layer = LRN()
layer.forward(x, train=True)
right = layer.backward(dout)
_, (_, s, *_) = lrn_forward(x)
error = np.abs(dout * s**-0.75 - right).max() / np.abs(right).max()
print(f"without the sum: off by {error:.0e} of the largest slope")

# %% tags=["claim"]
claim("off by less than a thousandth", 1e-6 < error < 1e-3)

# %% [markdown]
# Off by less than a thousandth: training would never notice, a careless tolerance would let it pass,
# and a photo with pixels up to 255 would get wrong gradients. **Check a layer where every one of its
# terms matters.**
#
# **Try next.** Divide the filters' responses by `127.5` and draw the face's figure again: what is left of
# the damping? Then find the $\alpha$ that gives the old picture back. And set $k = 0$ in
# `lrn_forward`: what happens to a pixel whose channels are all 0? (`LRN` refuses it, and says why.)
