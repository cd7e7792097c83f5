# %% [markdown]
# # 05 · Linear, maxout, L2: the way to the sphere
#
# **The last pooling layer leaves 12,544 numbers of a face. How do they become one point on a sphere?**
#
# By four rows at the end of the paper's Table 1: two fully connected layers with **maxout**, a third one
# that leaves 128 numbers, and a division by their length. Three ideas, and each is a few lines. The last
# one has a backward that is easy to get wrong in a way that a careless test does not see; you will
# build such a wrong one yourself.
#
# Twenty minutes. From the paper: section 3 and Table 1, rows `fc1` to `L2`. In the library:
# `minifacenet/nn/linear.py`, `maxout.py`, `l2norm.py`.

# %%
import inspect

import numpy as np
from exercises import check, hint, solution
from show import CREDIT, axes, faces, picture

from minifacenet import Architecture, FaceNet
from minifacenet.embedding.batches import to_input
from minifacenet.embedding.distances import squared_distances
from minifacenet.nn.gradcheck import check_layer
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.linear import Linear, linear_backward, linear_forward
from minifacenet.nn.maxout import Maxout, maxout_backward, maxout_forward
from minifacenet.plots.style import DIFFERENT, HUES, SAME

# %% [markdown]
# ## Linear: every output sees every input
#
# A linear layer has a weight for every pair of an input and an output, and a bias for every output. One
# photo is one row of $x$; a column of $W$ holds the weights of one output. Two numbers in, three out:
#
# $$x = (1, 2) \qquad W = \begin{pmatrix} 1 & 0 & -1 \\ 0.5 & 2 & 1 \end{pmatrix} \qquad b = (0, 1, 0)$$
#
# The first output is $1 \cdot 1 + 2 \cdot 0.5 + 0 = 2$. What are the other two? With many photos there are as
# many rows. And what about photos that still have height, width and channels?
#
# ## Exercise 05.1
#
# The forward.


# %% tags=["exercise"]
def linear(x, w, b):
    """y, ndarray (N, O). x: ndarray (N, ...), I numbers a photo. w: (I, O). b: (O,)."""
    raise NotImplementedError


# %%
check("05.1", linear)

# %%
x = np.array([[1.0, 2.0]])
w = np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 1.0]])
b = np.array([0.0, 1.0, 0.0])
y, cache = linear_forward(x, w, b)
print(y)

# %% [markdown]
# The backward takes $d = \partial L / \partial y$, the **upstream gradient** (`dout` in the code), and
# needs three slopes. Let $d = (1, 0, 10)$: the loss does not mind the second output, and minds the third
# one most. The first input, $x_1$, reaches the three outputs through $1$, $0$ and $-1$. So its slope is
# $1 \cdot 1 + 0 \cdot 0 + 10 \cdot (-1) = -9$. And the weight $W_{11} = 1$? It reaches the first output
# alone, and how much it changes there is what it is multiplied with. So what is its slope?
#
# ## Exercise 05.2
#
# All slopes of a batch. A weight is the same for every photo: what does that make of its slopes?


# %% tags=["exercise"]
def linear_gradients(dout, x, w):
    """dx, dw, db: ndarrays of the shapes of x, w and b.

    dout: ndarray (N, O). x: (N, ...), I numbers a photo. w: (I, O).
    """
    raise NotImplementedError


# %%
check("05.2", linear_gradients)

# %% [markdown]
# From $\partial y_j / \partial x_i = W_{ij}$ and $\partial y_j / \partial W_{ij} = x_i$:
#
# $$y = x W + b \qquad \frac{\partial L}{\partial x} = d\, W^\top \qquad
# \frac{\partial L}{\partial W} = x^\top d \qquad
# \frac{\partial L}{\partial b} = \text{the sum of } d \text{ over the photos}$$
#
# There is no need to remember where the transposes go: each slope has the shape of its array, and there
# is one way only to multiply $d$ with the other array that gives this shape. In code: (`reshape` makes
# rows of photos that still have height, width and channels)

# %%
print(inspect.getsource(linear_backward))

# %%
dout = np.array([[1.0, 0.0, 10.0]])
for name, slope in zip(("dx", "dW", "db"), linear_backward(dout, cache), strict=True):
    print(name, slope.tolist())

# %% [markdown]
# It is the simplest layer of all, and the largest. `fc1` takes $7 \cdot 7 \cdot 256 = 12544$ numbers to
# $8192$, and every pair has a weight of its own:

# %%
fc1 = 12_544 * 8_192 + 8_192
print(f"fc1 of NN1: {fc1:,} parameters, {fc1 / 140_025_664:.0%} of the network")

# %% tags=["claim"]
from show import claim, errors_from_zero, measured

claim("4,096 outputs from two maps each: 103 million, instead of 51", (
    round(fc1 / 1e6) == 103 and round(12_544 * 4_096 / 1e6) == 51 and 2 * 4_096 == 8_192
))  # fmt: skip

# %% [markdown]
# Why 8,192, when Table 1 says that 4,096 come out? That is the next layer.
#
# ## Maxout: the largest of several linear maps
#
# A network of linear layers alone is one linear layer. Something has to bend in between. A ReLU bends at
# a fixed place, $\max(0, z)$. **Maxout** learns where and how: it computes $p$ linear maps for each output
# and passes on the largest.
#
# $$y_j = \max_{m = 1..p} \; z_{mj} \qquad z_m = x W_m + b_m$$
#
# The paper takes $p = 2$, so `fc1` has two maps of 4,096 outputs, and 103 million parameters instead of
# 51. In the library the two maps are *one* `Linear` with $2 \cdot 4096$ outputs, the pieces one after the
# other, and a `Maxout` behind it. With six values and $p = 2$:

# %%
z = np.array([[3.0, -1.0, 0.5, 1.0, 4.0, 0.5]])  # piece 1 is 3, -1, 0.5; piece 2 is 1, 4, 0.5
y, cache = maxout_forward(z, pieces=2)
print("y ", y.tolist())
print("dz", maxout_backward(np.array([[10.0, 20.0, 30.0]]), cache).tolist())

# %% [markdown]
# Backward is as in max pooling (lesson 03): the gradient goes to the winner alone, and on a tie, the
# third output here, to the first. The loser could move a little and nothing would change.
#
# What can it bend? Any number of straight pieces, as long as the curve opens upwards:


# %%
def affine_maxout(x, slopes, offsets):
    """Maxout of lines slope * x + offset: the value, and the index of the winning line."""
    z, _ = linear_forward(x[:, None], np.array([slopes]), np.array(offsets))
    y, (winner, _) = maxout_forward(z, pieces=len(slopes))
    return z, y[:, 0], winner[:, 0]


x = np.linspace(-2, 2, 401)
touch = np.array([-1.8, -0.9, 0.0, 0.9, 1.8])  # tangents of a parabola, at these places
cases = {
    "p = 2: the ReLU": ([0.0, 1.0], [0.0, 0.0]),
    "p = 2: the absolute value": ([-1.0, 1.0], [0.0, 0.0]),
    "p = 5: nearly $x^2$": (2 * touch, -(touch**2)),
}

# %% tags=["drawing"]
panels = axes(9, 3, columns=3)[0]
for panel, (title, lines) in zip(panels, cases.items(), strict=True):
    z, y, winner = affine_maxout(x, *lines)
    panel.plot(x, z, color="0.75", linewidth=1, linestyle="--")
    for piece in range(z.shape[1]):
        panel.plot(x, np.where(winner == piece, y, np.nan), color=HUES[piece], linewidth=3)
    panel.set_title(title, loc="left", fontsize=10)
    panel.set(xlabel="x", ylim=(-1.5, 4))
    panel.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("y")
picture(
    panels,
    "Three curves that maxout makes of straight pieces, each piece in its own colour: the ReLU "
    "from two lines, the absolute value from two, and nearly a parabola from five. Each curve "
    "opens upwards.",
)

# %% tags=["claim"]
claim(
    "with a ReLU in its place about as well, within the noise",
    abs(
        errors_from_zero(
            measured("ablations.csv")["fully connected", "ReLU"]["auc"]
            - measured("ablations.csv")["default", "default"]["auc"]
        )
    )
    < 2,
)

# %% [markdown]
# Dashed: the linear pieces. Thick: their maximum, with a colour for each winner. The ReLU is the case
# where one piece is 0. Does the freedom pay? With a ReLU in its place, half of the weights of `fc1` and
# `fc2` are gone and strangers are told apart about as well (`lessons/results/ablations.png`, three
# seeds, within the noise). It is here because it is in the paper.
#
# ## Exercise 05.3
#
# Write the backward of maxout.


# %% tags=["exercise"]
def maxout_gradient(dout, z, pieces):
    """dL/dz. dout: ndarray (N, h). z: (N, pieces * h), the pieces one after another.

    The winner of each output gets its dout, the first one on a tie; all others get 0.
    """
    raise NotImplementedError


# %%
check("05.3", maxout_gradient)

# %% [markdown]
# ## L2: onto the sphere
#
# `fc7128` leaves 128 numbers. The last row divides them by their length:
#
# $$y = \frac{x}{\|x\|}$$
#
# Now all points lie on the unit sphere, and only directions differ. What is thrown away with the length?
# Weaken the contrast of a photo about mid-grey and look. Decide first: at a quarter of the contrast, what
# will have become of the length, and how far will the point on the sphere have moved? (The network is a fresh one: it knows nothing
# yet, and lays all people close together.)

# %%
photos = faces()
network = FaceNet.new(Architecture("nn1_mini", channels=1), seed=0).network
one, other = photos.images[photos.paths.index("s21/2.png")], photos.images[0]
contrasts = (1, 0.5, 0.25)
inputs = np.concatenate([c * to_input(one[None]) for c in contrasts] + [to_input(other[None])])
values = inputs
for name, layer in network.layers.items():
    if name == "L2":
        lengths = np.linalg.norm(values, axis=1)
    values = layer.forward(values)
distances = squared_distances(values)[0]

# %% tags=["drawing"]
panels = axes(9, 2.8, columns=4)[0]
names = [f"contrast x {c}" for c in contrasts] + ["another person"]
for panel, name, image, length, d in zip(panels, names, inputs, lengths, distances, strict=True):
    panel.imshow(image[..., 0], cmap="gray", vmin=-1, vmax=1)
    panel.set_title(f"{name}\nlength x {length / lengths[0]:.2f}\nD = {d:.3f}", fontsize=10)
    panel.axis("off")
panels[0].figure.text(0.995, -0.02, CREDIT, ha="right", fontsize=7, color="0.4")
picture(
    panels,
    "One face at full, half and a quarter of its contrast, and another person. Titles tell the "
    "length before L2, which falls with the contrast, and the distance on the sphere, which stays "
    "0 for the pale copies and does not for the other person.",
)

# %% tags=["claim"]
claim(
    "a quarter of the contrast, a quarter of the length", abs(lengths[2] / lengths[0] - 0.25) < 0.01
)
claim("the same direction: 0.000", distances[2] < 0.0005)
claim("another person lies apart", distances[3] > 0.002)

# %% [markdown]
# 'Length' is that of the 128 numbers in front of L2, compared with the first photo's; $D$ is the squared
# distance to it on the sphere. At a quarter of the contrast the vector has a quarter of the length, and
# **the same direction**: $D = 0.000$. Convolution, ReLU, pooling, linear, maxout: each passes a positive
# factor on as it is, as long as the biases are 0, as in a fresh network. (A trained one has biases, so
# there it holds nearly.) What L2 throws away is loudness.
#
# ## Backward: the part that leaves the sphere is lost
#
# Moving $x$ along itself changes nothing in $y$. So the slope in that direction must be 0, whatever comes
# from upstream. And if $x$ is twice as long, how much does a step across it still turn $y$?
#
# In two dimensions, with the pencil: $x = (3, 4)$ has the length 5, $y = (0.6, 0.8)$, and let $d = (1, 0)$.
# How much of $d$ lies along $y$? That part is lost. What is left of $d$, and what becomes of it?
#
# ## Exercise 05.4
#
# Write the backward of L2 for a batch: each row on its own. Your pencil's answer is a test for it.


# %% tags=["exercise"]
def l2_gradient(dout, x):
    """dL/dx of y = x / ||x||, row by row. dout, x: ndarray (N, D); no row of x is 0."""
    raise NotImplementedError


# %%
check("05.4", l2_gradient)

# %% [markdown]
# The pencil: $0.6 \cdot 1 + 0.8 \cdot 0 = 0.6$ of $d$ lies along $y$. Without $0.6\, y$ there is $(0.64, -0.48)$
# left, and a fifth of it is the slope, $(0.128, -0.096)$. For all, by the quotient rule:
#
# $$\frac{\partial y_i}{\partial x_j} = \frac{[i = j] - y_i y_j}{\|x\|}
# \qquad\Longrightarrow\qquad
# \frac{\partial L}{\partial x} = \frac{d - (d \cdot y)\, y}{\|x\|}$$
#
# ($[i = j]$ is 1 where the two are equal, and 0 elsewhere.) $(d \cdot y)\, y$ is the part of $d$ along $y$, straight out of the sphere. What is left is the part
# **tangent** to it. And it is divided by the length: a point far out has to move farther for the same
# turn, so its slope is smaller.

# %%
direction = np.radians(50)
unit = np.array([[np.cos(direction), np.sin(direction)]])
upstream = np.array([[0.15, 0.75]])
layer = L2Norm()

# %% tags=["drawing"]
ax = axes(5.2, 4.8)
angle = np.linspace(0, 2 * np.pi, 200)
ax.plot(np.cos(angle), np.sin(angle), color="0.7")
ax.plot(*np.concatenate([0 * unit, 2.2 * unit]).T, color="0.85", linestyle="--", zorder=0)


def arrow(start, step, colour, style="-"):
    properties = {"arrowstyle": "-|>", "color": colour, "linestyle": style, "linewidth": 1.8}
    ax.annotate("", start + step, start, arrowprops={**properties, "shrinkA": 0, "shrinkB": 0})


radial = (upstream * unit).sum() * unit
arrow(unit[0], upstream[0], "black")
arrow(unit[0], radial[0], "0.55", ":")
handed_on = {}
for length, name in ((0.5, "||x|| = 0.5"), (2.0, "||x|| = 2")):
    point = length * unit
    layer.forward(point, train=True)
    handed_on[length] = layer.backward(upstream)[0]
    arrow(point[0], handed_on[length], SAME)
    ax.plot(*point.T, "o", color=SAME)
    ax.annotate(name, point[0], (4, -16), textcoords="offset points", color=SAME)
ax.plot(*unit.T, "o", color=DIFFERENT)
ax.annotate("y", unit[0], (10, -10), textcoords="offset points", color=DIFFERENT)
ax.annotate("d", (unit + upstream)[0], (5, 0), textcoords="offset points")
ax.annotate("(d·y) y", (unit + 0.75 * radial)[0], (8, -9), textcoords="offset points", color="0.4")
ax.set(
    aspect="equal", xlim=(-1.15, 2.1), ylim=(-0.6, 2.1), xlabel="1st number", ylabel="2nd number"
)
ax.grid(False)
picture(
    ax,
    "A circle with a point y on it and two points on the ray through y, one inside and one "
    "outside of the circle. The upstream gradient at y splits into a part along the ray, dotted, "
    "and the rest. What the backward hands to the two points is at a right angle to the ray, long "
    "inside, short outside.",
)

# %% tags=["claim"]
claim(
    "four times as long at 0.5 as at 2",
    np.allclose(handed_on[0.5], 4 * handed_on[2.0]),
)
claim(
    "the pencil: what is left of d is (0.64, -0.48), and a fifth of it (0.128, -0.096)",
    np.allclose((np.array([1, 0]) - 0.6 * np.array([0.6, 0.8])) / 5, [0.128, -0.096]),
)
claim("at a right angle to the ray", abs(handed_on[2.0] @ unit[0]) < 1e-9)

# %% [markdown]
# Black: the slope that comes from upstream, drawn at $y$; the loss grows where it points. Dotted: the
# part of it that leads off the circle. Blue: what the layer's backward hands on to $x$, at a right angle to the ray, and four times as long at 0.5 as at 2.
#
# One consequence. Let $x$ be a free point, which descent moves by itself. Since every gradient is at a
# right angle to $x$, every step makes $x$ **longer**, by Pythagoras. Nothing ever pulls it back, and the
# longer it is, the smaller its slopes are. (In a network $x$ follows from the weights, and these may do
# otherwise.)

# %%
rng = np.random.default_rng(5)
x = rng.standard_normal((1, 128))
start = np.linalg.norm(x)
for step in range(1, 301):
    layer.forward(x, train=True)
    dx = layer.backward(rng.standard_normal((1, 128)))
    right_angle = abs((dx * x).sum()) < 1e-9
    x = x - dx
    if step in (1, 10, 100, 300):
        length = np.linalg.norm(x) / start
        print(f"step {step:3}: at a right angle to x: {right_angle}, length x {length:.2f}")

# %% tags=["claim"]
claim("longer and longer", right_angle and length > 1.3)

# %% [markdown]
# ## A test that looks away
#
# How would you test such a backward? Lesson 02: compare it with centred differences of some loss
# $L = \sum_i d_i\, y_i$. The first idea that comes to mind is $d = 1$ everywhere, $L$ the plain sum of the
# outputs. Here is a backward that passes that test, and is wrong:


# %%
class Impostor(L2Norm):
    def backward(self, dout):
        y, norm = self._recall(dout)
        return dout * (1 - y.sum(axis=1, keepdims=True) * y) / norm[:, None]


# %%
def numeric_slope(layer, x, dout, h=1e-5):
    """Centred differences of sum(dout * forward(x)) by every coordinate of x."""
    slope = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[index] = h
        slope[index] = (dout * (layer.forward(x + step) - layer.forward(x - step))).sum() / (2 * h)
    return slope


x = np.array([[1.0, 1.4, -0.9, 0.6], [-0.8, 1.2, 1.1, 0.5], [0.3, -2.0, 0.7, 1.6]])
errors = []
for title, dout in (("dout = 1", np.ones((3, 4))), ("random dout", rng.standard_normal((3, 4)))):
    numeric = numeric_slope(L2Norm(), x, dout)
    for layer in (L2Norm(), Impostor()):
        layer.forward(x, train=True)
        error = np.abs(layer.backward(dout) - numeric).max() / np.abs(numeric).max()
        errors.append(error)
        verdict = "passes at 1e-8" if error < 1e-8 else f"off by {error:.0%}"
        print(f"{title:12} {type(layer).__name__:9} {verdict}")

# %% tags=["claim"]
claim("it passes that test, and is wrong", max(errors[:3]) < 1e-8 < 0.1 < errors[3])

# %% [markdown]
# Look at the two as matrices of slopes $J_{ij} = \partial y_i / \partial x_j$. A backward is $d J$. With
# $d = 1$ it is the **sums of the columns** of $J$, and nothing else: 4 numbers that stand for 16. The
# impostor has the right column sums, and puts them on the diagonal:

# %% tags=["drawing"]
row, eye, sums = x[:1], np.eye(4), []
panels = axes(7, 3.5, columns=2)[0]
for panel, layer in zip(panels, (L2Norm(), Impostor()), strict=True):
    layer.forward(np.tile(row, (4, 1)), train=True)
    slopes = layer.backward(eye)  # row i: dout is 1 for output i, and 0 for the others
    sums.append(slopes.sum(axis=0))
    shown = np.vstack([slopes, np.full((1, 4), np.nan), slopes.sum(axis=0)])
    panel.imshow(shown, cmap="PuOr", vmin=-1.5, vmax=1.5)
    for (i, j), value in np.ndenumerate(shown):
        if np.isfinite(value):
            colour = "white" if abs(value) > 0.9 else "black"
            panel.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=9, color=colour)
    panel.set_title(type(layer).__name__, loc="left", fontsize=10)
    panel.set(xlabel="input j", xticks=range(4), yticks=[0, 1, 2, 3, 5])
    panel.set_yticklabels(["0", "1", "2", "3", "sum"])
    panel.spines[:].set_visible(False)
panels[0].set_ylabel("output i")
picture(
    panels,
    "Two tables of slopes, four by four, with the sums of their columns below. L2Norm's has "
    "numbers everywhere, the impostor's on the diagonal alone; the sums below are the same. So a "
    "test that sees only the sums cannot tell them apart.",
)

# %% tags=["claim"]
claim("the impostor has the right column sums", np.allclose(*sums))
claim("and puts them on the diagonal", np.allclose(slopes, np.diag(sums[1])))

# %% [markdown]
# A random $d$ weighs the rows differently, each by a number of its own, and a wrong matrix survives that with
# probability 0. The library's `check_layer` draws one:

# %%
for layer in (L2Norm(), Impostor(), Linear(4, 3, rng, dtype=np.float64), Maxout(2)):
    errors = check_layer(layer, x, rng)
    verdicts = [f"{name} {'right' if error < 1e-8 else 'WRONG'}" for name, error in errors.items()]
    print(f"{type(layer).__name__:9} {', '.join(verdicts)}")

# %% tags=["claim"]
claim("the last one, maxout, is right", errors["input"] < 1e-8)

# %% [markdown]
# ## Exercise 05.5
#
# Build a second impostor: a backward of L2 that is right for `dout` = 1, wrong for nearly every other
# `dout`, and not the one above. (No peeking: it may not look whether `dout` is 1.) It is the best way to
# see what a test does not see.


# %% tags=["exercise"]
def second_impostor(dout, y, norm):
    """A wrong dL/dx of y = x / norm that is right for dout = 1.

    dout, y: ndarray (N, D). norm: (N, 1), the lengths of the rows of x.
    """
    raise NotImplementedError


# %%
check("05.5", second_impostor)

# %% [markdown]
# **Try next.** In the figure of the circle, turn `upstream` until the blue arrows vanish: which two
# directions are these, and what does the loss want there? Then test the impostor with $d = y$: what
# does the right backward give, and why is that a bad test, too?
