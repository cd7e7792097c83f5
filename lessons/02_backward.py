# %% [markdown]
# # 02 · Backward, and how to check it
#
# **You have derived a gradient on paper and typed it in. How do you know that it is right?**
#
# A wrong forward shows: the pictures are garbage. A wrong backward does not. The network trains all
# the same, a little worse, and nobody ever learns why. So every backward in this library is judged by
# something that needs no derivation at all. This lesson derives the backward of the convolution, builds
# the judge, and finds out how far the judge can be trusted.
#
# Twenty minutes. From the paper: section 3, where 'end-to-end learning' takes it for granted. In the
# library: `minifacenet/nn/gradcheck.py`, and `conv_backward` in `minifacenet/nn/conv.py`.

# %%
import inspect

import numpy as np
from exercises import check, hint, solution
from matplotlib.figure import Figure
from show import CREDIT, axes, faces, picture, play

from minifacenet.nn.conv import Conv2D, conv_backward, conv_forward
from minifacenet.nn.gradcheck import check_layer, relative_error
from minifacenet.nn.l2norm import l2norm_backward, l2norm_forward
from minifacenet.nn.optim import Adam
from minifacenet.nn.window import Window
from minifacenet.plots.style import DIFFERENT, HUES, SAME

# %% [markdown]
# ## Who is to blame?
#
# A network ends in one number, the loss $L$. To make it smaller we need $\partial L / \partial w$ for every
# weight. A layer in the middle knows nothing of $L$. But the layer behind it tells how much $L$ changes
# with each of its **outputs**: the array $\mathrm{dout} = \partial L / \partial y$, of the shape of $y$. The chain
# rule does the rest:
#
# $$\frac{\partial L}{\partial w} = \sum_{\text{all outputs } y} \mathrm{dout}_y \, \frac{\partial y}{\partial w}
# \qquad
# \frac{\partial L}{\partial x} = \sum_{\text{all outputs } y} \mathrm{dout}_y \, \frac{\partial y}{\partial x}$$
#
# The first is for the layer's own weights, the second is the `dout` of the layer before. That is all of
# backpropagation: each layer passes the blame on.
#
# ## By hand
#
# A convolution in one dimension: four pixels $x$, two weights, three outputs $y_p = w_0 x_p + w_1 x_{p+1}$.
#
# $$x = (1, 2, 3, 4) \quad w = (2, -1) \quad y = (0, 1, 2) \qquad \mathrm{dout} = (1, 2, -1)$$
#
# The weight $w_0$ meets $x_0$, $x_1$ and $x_2$. The same weight serves at every place, so its gradient is a
# **sum over all places**:
#
# $$\mathrm{dw}_0 = 1 \cdot 1 + 2 \cdot 2 - 1 \cdot 3 = 2 \qquad
# \mathrm{dw}_1 = 1 \cdot 2 + 2 \cdot 3 - 1 \cdot 4 = 4$$
#
# The pixel $x_1$ is seen twice: by $y_1$ through $w_0$, and by $y_0$ through $w_1$. So
# $\mathrm{dx}_1 = 2 \cdot 2 + 1 \cdot (-1) = 3$. The library agrees:

# %%
x = np.array([1.0, 2, 3, 4]).reshape(1, 1, 4, 1)
w = np.array([2.0, -1]).reshape(1, 2, 1, 1)
dout = np.array([1.0, 2, -1]).reshape(1, 1, 3, 1)
y, cache = conv_forward(x, w, np.zeros(1), Window.of((1, 2)))
dx, dw, db = conv_backward(dout, cache)
for name, array in {"y": y, "dx": dx, "dw": dw, "db": db}.items():
    print(f"{name:3}", array.ravel())

# %% tags=["claim"]
from show import claim

claim("by hand: dw is 2 and 4", dw.ravel().tolist() == [2, 4])
claim("by hand: dx of pixel 1 is 3", dx.ravel()[1] == 3)

# %% [markdown]
# ## The formula
#
# In two dimensions, with channels and a stack of photos, the same sum (lesson 01 has the forward):
#
# $$\mathrm{dw}_{ijco} = \sum_{n,p,q} \mathrm{dout}_{npqo} \; x_{n,\; p s + i - \mathrm{pad},\; q s + j - \mathrm{pad},\; c}
# \qquad
# \mathrm{db}_o = \sum_{n,p,q} \mathrm{dout}_{npqo}$$
#
# Read it as a picture: slide `dout` over `x`. The gradient of a convolution is a convolution.
#
# ## Exercise 02.1
#
# The gradient of the weights.


# %% tags=["exercise"]
def conv_dw(dout, x, window):
    """dL/dw, ndarray of shape (kh, kw, C, O).

    dout: ndarray (N, H', W', O). x: ndarray (N, H, W, C). window.kernel = (kh, kw),
    window.stride = (sh, sw), window.pad = ((top, bottom), (left, right)).
    """
    raise NotImplementedError


# %%
check("02.1", conv_dw)

# %% [markdown]
# ## The judge
#
# What is a derivative? How much $L$ changes when $w$ changes a little. So change it a little:
#
# $$\frac{\partial L}{\partial w} \approx \frac{L(w + h) - L(w - h)}{2h}$$
#
# No derivation, nothing to get wrong. It takes two forwards for **each** weight, so nobody trains like
# that: NN1 has 140 million. But on a tiny layer it is done in a moment.
#
# ## Exercise 02.2
#
# The centred difference, for every coordinate of an array.


# %% tags=["exercise"]
def numeric_gradient(f, w, h):
    """Centred differences of f at w, ndarray of the shape of w. Afterwards w is what it was.

    f: takes an array like w and returns one number. w: ndarray, float64, any shape. h: the step.
    """
    raise NotImplementedError


# %%
check("02.2", numeric_gradient)

# %% [markdown]
# ## Exercise 02.3
#
# The other half: `dx`, which the layer before is waiting for. No formula this time. By hand, above,
# $x_1$ was seen by two windows, through another weight each. In two dimensions, with a stride: which
# windows have seen a pixel, and through which weights? Or the other way round: to which pixels does
# the weight $w_{ij}$ hand back what it took from them?
#
# You have a judge now. For any `x`, `w` and `dout` the slope of
# $L = \sum \mathrm{dout} \cdot y$ by `x` is `numeric_gradient(lambda x: (dout * conv_forward(x, w,
# np.zeros(1), window)[0]).sum(), x, 1e-5)`: ask it before you ask `check`.


# %% tags=["exercise"]
def conv_dx(dout, w, window, shape):
    """dL/dx, ndarray of the given shape, which is that of x, (N, H, W, C).

    dout: ndarray (N, H', W', O). w: (kh, kw, C, O). window: as in 02.1; window.geometry() is
    (kh, kw), (sh, sw), (top, left), the last being the padding before the image.
    """
    raise NotImplementedError


# %%
check("02.3", conv_dx)

# %% [markdown]
# As a formula, with each pixel collecting from all outputs that have seen it:
#
# $$\mathrm{dx}_{nrtc} = \sum_{p,q,i,j} \; \sum_o \mathrm{dout}_{npqo} \; w_{ijco}
# \qquad \text{where } p s + i - \mathrm{pad} = r, \;\; q s + j - \mathrm{pad} = t$$
#
# With a stride of 1 it is a convolution again, of `dout` with the filter turned by 180 degrees. With the
# matrices of lesson 01 it is $\mathrm{dX} = \mathrm{dY}\, W^\top$, after which each row goes back to the
# window that it was cut out of, and is **added** there: windows overlap.
#
# ## How large is 'a little'?
#
# The smaller $h$, the better? Let us see. The layer is L2Norm, $y = x / \|x\|$, the last one of FaceNet
# (lesson 05); one of its inputs moves, and we compare the difference with the exact gradient. The
# centred difference competes with the one-sided $(L(w + h) - L(w)) / h$, and float64 with float32.

# %%
rng = np.random.default_rng(1)
point, upstream = rng.standard_normal((2, 1, 5))
out, cache = l2norm_forward(point)
exact = l2norm_backward(upstream, cache)[0, 0]


def loss(step, dtype):
    """L = sum(dout * y), with the first input moved by `step`."""
    moved = point.astype(dtype)
    moved[0, 0] += dtype(step)
    return (upstream.astype(dtype) * l2norm_forward(moved)[0]).sum()


def centred(h, dtype):
    return float(loss(h, dtype) - loss(-h, dtype)) / (2 * h)


def one_sided(h, dtype):
    return float(loss(h, dtype) - loss(0, dtype)) / h


def errors(difference, dtype=np.float64):
    """Relative error at every h; the median over 15 steps of nearly that length."""
    nearly = np.geomspace(0.9, 1.1, 15)
    found = [[abs(difference(h * a, dtype) - exact) for a in nearly] for h in steps]
    return np.median(found, axis=1) / abs(exact)


steps = 10.0 ** np.arange(-12, 0.01, 0.25)
u = {
    "centred, float64": errors(centred),
    "one-sided, float64": errors(one_sided),
    "centred, float32": errors(centred, np.float32),
}

# %% tags=["drawing"]
ax = axes(8, 4.2)
styles = {"color": SAME, "linestyle": "-"}, {"color": DIFFERENT, "linestyle": "--"}
styles += ({"color": HUES[2], "linestyle": "-."},)
for (name, error), style in zip(u.items(), styles, strict=True):
    ax.loglog(steps, error, label=name, linewidth=2, **style)
ax.axvline(1e-5, color="0.4", linestyle=":", label="the library's h = 1e-5")
ax.set_ylim(1e-12, 1e4)
ax.set_xlabel("step h")
ax.set_ylabel("relative error of the gradient")
ax.text(2e-10, 2e-6, "rounding: slope -1", fontsize=9)
ax.text(2e-3, 1e-7, "truncation: slope +2", fontsize=9, color=SAME)
ax.text(8e-6, 3e-6, "slope +1", fontsize=9, color=DIFFERENT, ha="right")
ax.legend(frameon=False, loc="upper left", fontsize=9, ncols=2)
picture(
    ax,
    "The error of a numeric gradient against the step h, on logarithmic axes. Each curve is a U: "
    "from the right it falls as the step shrinks, and then it rises again. In float64 the centred "
    "difference reaches by far the lowest point, near the library's h; in float32 the U is high "
    "and narrow.",
)

# %% [markdown]
# A U. Coming from the right, smaller steps help; then the error turns and rises again. Two errors fight:
#
# **Truncation**, the right branch. Taylor: $L(w \pm h) = L \pm h L' + \tfrac{h^2}{2} L'' \pm \tfrac{h^3}{6} L''' + \dots$ In the
# centred difference $L$ and $L''$ cancel, and what is left is $\tfrac{h^2}{6} L'''$: ten times smaller steps, a hundred
# times smaller error. On log-log paper that is a line of **slope 2**. In the one-sided difference $\tfrac{h}{2} L''$
# stays: **slope 1**. That is why we spend two forwards.
#
# **Rounding**, the left branch. A float64 has 16 digits, so $L$ is wrong by about $10^{-16}$, and the
# difference of two of them, too. Divided by $2h$ that is $10^{-16} / h$: ten times smaller steps, ten times
# *larger* error: **slope -1**. At $h = 10^{-12}$, 12 of the 16 digits are gone.
#
# The bottom lies where the two are about equal: $h^2 = 10^{-16} / h$, so $h \approx 10^{-16/3} \approx 10^{-5}$, and the
# error there is $10^{-10}$ or somewhat less. With float32, 7 digits, the bottom is at $10^{-5}$ at best, and only if you hit the
# right $h$; below $10^{-8}$ it does not even notice that the input has moved, and the error is 100 %. A small
# bug drowns in that. Hence: **check gradients in float64.**

# %%
for name, low, high in (("left", 1e-11, 1e-7), ("right", 1e-3, 1e-1)):
    branch = (steps >= low) & (steps <= high)
    slope = np.polyfit(np.log10(steps[branch]), np.log10(u["centred, float64"][branch]), 1)[0]
    print(f"{name} branch, float64, measured slope: {slope:+.1f}")
print(f"smallest error, float64: about 1e{np.log10(u['centred, float64'].min()):.0f}")
print(f"smallest error, float32: about 1e{np.log10(u['centred, float32'].min()):.0f}")

# %% tags=["claim"]
claim("right branch: slope 2", abs(slope - 2) < 0.15)
claim(
    "one-sided: slope 1",
    abs(np.polyfit(np.log10(steps[24:36]), np.log10(u["one-sided, float64"][24:36]), 1)[0] - 1)
    < 0.1,
)
claim(
    "left branch: slope -1",
    abs(np.polyfit(np.log10(steps[4:20]), np.log10(u["centred, float64"][4:20]), 1)[0] + 1) < 0.3,
)
claim("float64: the bottom is about 1e-10 or below", 1e-13 < u["centred, float64"].min() < 1e-9)
claim("float32: at best about 1e-5", 1e-7 < u["centred, float32"].min() < 1e-4)
claim("float32: below 1e-8 an error of 100 %", np.allclose(u["centred, float32"][steps < 5e-9], 1))
claim("the bottom lies near 1e-5", 1e-7 < steps[u["centred, float64"].argmin()] < 1e-3)

# %% [markdown]
# Choose $h$ yourself. Before you do: how many digits will be right at $10^{-12}$, at $10^{-5}$ and at
# $10^{-1}$?


# %% tags=["drawing"]
def slope_with(ax, exponent, error=u["centred, float64"]):
    found = centred(10.0**exponent, np.float64)
    off = abs(found - exact) / abs(exact)
    ax.loglog(steps, error, color=SAME)
    ax.plot(10.0**exponent, max(off, 1e-15), "o", color=DIFFERENT, markersize=9)
    ax.set(ylim=(1e-12, 10), xlabel="step h", ylabel="relative error")
    ax.set_title(f"{found:.12f}\n{exact:.12f} is exact", fontsize=9, family="monospace")
    return f"With h = 1e{exponent:g} the slope is {found:.12f}, off by {off:.0e} of itself."


play(
    slope_with,
    "The U of the centred difference in float64, and a dot on it at the chosen step. At both ends of "
    "the U only a few digits of the slope are right, at its bottom about ten.",
    still=[{"exponent": -12.0}, {"exponent": -5.0}, {"exponent": -1.0}],
    exponent=(-12.0, 0.0, 0.25),
)

# %% [markdown]
# (A convolution is linear in its weights: no $L'''$, no right branch. It is checked all the more easily.)
#
# ## Which loss? A random one
#
# A layer has many outputs and the judge wants one number. Tempting: add up the outputs, $L = \sum y$, so
# that dout is 1 everywhere. Here is what comes of it. Three backwards with a planted bug each, and the
# library's `check_layer`, which takes $L = \sum \mathrm{dout} \cdot y$ with a random dout. To see the other way,
# we hand it a random generator that only knows the number 1.


# %%
class FiltersReversed(Conv2D):
    def backward(self, dout):
        return super().backward(dout[..., ::-1])


class PhotosReversed(Conv2D):
    def backward(self, dout):
        return super().backward(dout[::-1])


class RowsAndColumnsSwapped(Conv2D):
    def backward(self, dout):
        return super().backward(dout.transpose(0, 2, 1, 3))


class OnlyOnes:
    def standard_normal(self, shape):
        return np.ones(shape)


stack = rng.standard_normal((2, 5, 5, 2))
found = {}
print(f"{'error of dL/dw with':24}{'dout = 1':>10}{'random dout':>14}")
for kind in (Conv2D, FiltersReversed, PhotosReversed, RowsAndColumnsSwapped):
    layer = kind(2, 3, kernel=3, pad=1, rng=np.random.default_rng(0), dtype=np.float64)
    ones = check_layer(layer, stack, OnlyOnes())["weight"]
    random = check_layer(layer, stack, np.random.default_rng(7))["weight"]
    found[kind] = ones, random
    marks = ["passes" if error < 1e-8 else f"{error:.2f}" for error in (ones, random)]
    print(f"{kind.__name__:24}{marks[0]:>10}{marks[1]:>14}")

# %% tags=["claim"]
claim("with dout = 1 every bug passes", all(ones < 1e-8 for ones, _ in found.values()))
claim("the right one passes both", max(found[Conv2D]) < 1e-8)
claim(
    "each bug is off by more than half", all(e > 0.5 for k, (_, e) in found.items() if k != Conv2D)
)

# %% [markdown]
# With dout = 1 every bug passes: reverse a row of ones and nobody will know. A random dout gives every
# output a weight of its own, and each bug is off by more than half. Hence: **never check a gradient through
# a plain sum.**
#
# This is all of the judge in the library, for one array:

# %%
print(inspect.getsource(relative_error))
print(inspect.getsource(check_layer))

# %% [markdown]
# It asks for the largest error over the largest gradient, not for the error of each coordinate on its own:
# a gradient that happens to be nearly 0 would otherwise fail through rounding alone. One thing remains to
# be wary of, functions with a kink; the next lesson has one.
#
# ## What it is good for
#
# A checked gradient is worth something. Take a face, and the edges that the filter of lesson 01 finds in
# it. Forget the filter. Start with random weights, and let the gradient find it: the loss is half the mean
# squared difference, so $\mathrm{dout} = (y - \text{wanted}) / \text{number of pixels}$.

# %%
photo = faces().images[70:71].astype(np.float32) / 127.5 - 1
edge = np.array([[-1, 0, 1]] * 3, np.float32)[:, :, None, None]
wanted, _ = conv_forward(photo, edge, np.zeros(1, np.float32), Window.of(3))
layer = Conv2D(1, 1, kernel=3, rng=np.random.default_rng(2))
adam = Adam(layer.parameters(), rate=0.05)  # a gradient step whose length suits each weight
kept = {}
for step in range(401):
    difference = layer.forward(photo, train=True) - wanted
    if step in (0, 10, 30, 400):
        kept[f"step {step}"] = layer.weight.data.copy(), difference + wanted
    layer.zero_grad()
    layer.backward(difference / difference.size)
    adam.step()
kept["wanted"] = edge, wanted

# %% tags=["drawing"]
figure = Figure(figsize=(9, 3.3), layout="constrained")
panels = figure.subplots(2, 5, height_ratios=(1, 1.7))
for (name, (weights, answer)), (table, shown) in zip(kept.items(), panels.T, strict=True):
    table.imshow(weights[..., 0, 0], cmap="PuOr", vmin=-2, vmax=2)
    for (i, j), weight in np.ndenumerate(weights[..., 0, 0]):
        ink = "white" if abs(weight) > 1.3 else "black"
        table.text(j, i, f"{weight:.1f}", ha="center", va="center", fontsize=8, color=ink)
    table.set_title(name, fontsize=10)
    shown.imshow(answer[0, ..., 0], cmap="PuOr", vmin=-3, vmax=3)
for panel in panels.flat:
    panel.set(xticks=[], yticks=[])
panels[1, 0].set_xlabel(CREDIT, fontsize=7, color="0.4", loc="left")
picture(
    figure,
    "Above, the nine weights of a filter at four steps of its training and as they should be; "
    "below, the edges that it finds in a face. At first the answer is pale; after 30 steps it "
    "looks as wanted although the weights do not; after 400 both agree.",
)

# %% tags=["claim"]
claim("after 400 steps the filter is there", np.abs(kept["step 400"][0] - edge).max() < 0.2)
claim(
    "after 30 the answer looks right",
    np.square(kept["step 30"][1] - wanted).mean() < 0.1 * np.square(wanted).mean(),
)
claim("and yet the weights are not", np.abs(kept["step 30"][0] - edge).max() > 0.4)

# %% [markdown]
# Nobody told it the filter. The picture was enough, and 400 steps. Note the order: after 30 steps the answer
# looks right already, and yet the weights are not. Neighbouring pixels of a face are nearly equal, so it
# matters little which of two neighbouring weights does the work.
#
# **Try next.** Check the gradients by x as well: `check_layer(...)["input"]`. Which of the three bugs does it
# find with dout = 1? Then plant a smaller bug: a backward that multiplies by 1.0001. Would you have found
# it in float32?
