# %% [markdown]
# # 03 · ReLU and pooling route gradients
#
# **A maximum has no formula to differentiate. Where does its gradient go?**
#
# Two layers of FaceNet compute nothing at all: they choose. **ReLU** chooses between a number and 0, and
# **max pooling** takes the largest of nine. What was chosen goes forward unchanged. So backward
# is a question of routing: the gradient goes to whoever was chosen, and nobody else gets anything.
#
# Fifteen minutes. From the paper: section 3.3 ('All our models use rectified linear units'), and pool1 to
# pool4 in Table 1. In the library: `minifacenet/nn/relu.py`, the shortest layer that has everything, and
# `minifacenet/nn/maxpool.py`.

# %%
import inspect

import numpy as np
from exercises import check, hint, solution
from matplotlib.figure import Figure
from show import CREDIT, faces, picture

from minifacenet.nn.conv import conv_forward
from minifacenet.nn.gradcheck import check_layer
from minifacenet.nn.maxpool import MaxPool, maxpool_backward, maxpool_forward
from minifacenet.nn.relu import ReLU, relu_forward
from minifacenet.nn.window import Window
from minifacenet.plots.style import HUES

# %% [markdown]
# ## ReLU
#
# $$y = \max(x, 0) \qquad \frac{\partial y}{\partial x} = \begin{cases} 1 & x > 0 \\ 0 & x < 0 \end{cases}
# \qquad \mathrm{dx} = \begin{cases} \mathrm{dout} & y > 0 \\ 0 & \text{elsewhere} \end{cases}$$
#
# Why at all? Two convolutions, one after the other, are one convolution: sums of sums are sums. Something between them
# must not be a sum, or twenty layers could do no more than one. ReLU is the cheapest such thing. On the edges
# that a filter found in a face. Guess first: at what share of the pixels will it be open?

# %%
photo = faces().images[70:71].astype(np.float32) / 127.5 - 1
edge = np.array([[-1, 0, 1]] * 3, np.float32)[:, :, None, None]
edges, _ = conv_forward(photo, edge, np.zeros(1, np.float32), Window.of(3))
kept, _ = relu_forward(edges)
print(f"ReLU is open at {(kept > 0).mean():.0%} of the pixels")

# %% tags=["claim"]
from show import claim

claim("violet stays, orange becomes 0", 0 < (kept > 0).mean() < 1 and kept.min() == 0)

# %% tags=["drawing"]
figure = Figure(figsize=(9, 2.9), layout="constrained")
panels = figure.subplots(1, 4)
maps = {"the photo": photo, "x: edges": edges, "y = max(x, 0)": kept, "open: dx = dout": kept > 0}
for panel, (name, values) in zip(panels, maps.items(), strict=True):
    colours = {"cmap": "PuOr", "vmin": -3, "vmax": 3} if name[0] in "xy" else {"cmap": "gray"}
    panel.imshow(values[0, ..., 0], interpolation="nearest", **colours)
    panel.set_title(name, fontsize=10)
    panel.set(xticks=[], yticks=[])
panels[0].set_xlabel(CREDIT, fontsize=7, color="0.4", loc="left")
picture(
    figure,
    "A face; its edges, violet where dark turns to bright and orange the other way round; the "
    "same after the ReLU, where only violet is left; and a mask, white where the ReLU is open and "
    "the gradient passes.",
)

# %% [markdown]
# Violet, from dark to bright, stays; orange, from bright to dark, becomes 0. On the right, white: where the
# gradient passes. Backward needs no more than the output to know that, and the next layer keeps it anyway.
#
# ## Exercise 03.1
#
# `forward` has kept its output in `cache`. Write the backward.


# %% tags=["exercise"]
def relu_backward(dout, cache):
    """dL/dx, of the shape of dout. cache: the output of the forward, of the same shape."""
    raise NotImplementedError


# %%
check("03.1", relu_backward)

# %% [markdown]
# ## The kink, and the judge
#
# At $x = 0$ there is no derivative: slope 0 on the left, 1 on the right. The library takes 0. Any number in
# between would do; it matters to nobody but the judge of lesson 02. If $x$ lies closer to the kink than the
# judge's step of $10^{-5}$, one of its two forwards is on the other side:

# %%
errors = []
for nearest in (1e-3, 1e-6):
    x = np.array([[-1.0, nearest, 2.0]])
    errors.append(check_layer(ReLU(), x, np.random.default_rng(1))["input"])
    print(f"x = {nearest:g} from the kink: relative error {errors[-1]:.0e}")

# %% tags=["claim"]
claim("away from the kink it passes, near the kink it fails", errors[0] < 1e-8 < 0.1 < errors[1])

# %% [markdown]
# The backward is right both times. So: a check that fails at a handful of coordinates may have hit a kink.
# Move the input away from it, and look again.
#
# ## A NaN must travel
#
# Somewhere a layer divides by 0 and gets NaN, 'not a number'. You want to hear of it. Now compare three ways
# to write the maximum:

# %%
nan = float("nan")
print("max(0.0, nan)         ", max(0.0, nan))
print("np.fmax(nan, 0.0)     ", np.fmax(nan, 0.0))
print("0 if x < 0 else x     ", 0.0 if nan < 0 else nan)

# %% [markdown]
# Every comparison with NaN is false. In the first, Python asks 'is nan larger than 0.0?', hears no, and keeps
# 0.0; `np.fmax` leaves NaN out on purpose. So the fault becomes a harmless looking 0, and the network trains on, dead. The third form lets NaN pass,
# and so the loss of the whole network becomes NaN, which nobody overlooks:

# %%
print(inspect.getsource(relu_forward))

# %% [markdown]
# ## Max pooling
#
# A window of 3 x 3 moves over each channel in steps of 2, and only the largest value in it goes on:
#
# $$y_{npqc} = \max_{i,j} \; x_{n,\; p s + i - \mathrm{pad},\; q s + j - \mathrm{pad},\; c}$$
#
# The picture gets half as wide and half as high, and where exactly in its window a feature lay does not matter
# any more. An image of 5 x 5 holds four such windows, and all of them share the pixel in the middle:

# %%
x = np.array(
    [[3, 1, 0, 2, 1], [0, 2, 1, 0, 9], [1, 0, 7, 1, 0], [2, 1, 0, 8, 1], [0, 1, 2, 0, 1]],
    dtype=float,
)
y, cache = maxpool_forward(x[None, :, :, None], Window.of(3, stride=2))
dout = np.array([[1.0, 2], [3, 4]])
dx = maxpool_backward(dout[None, :, :, None], cache)
for name, array in {"x": x, "y": y[0, :, :, 0], "dout": dout, "dx": dx[0, :, :, 0]}.items():
    print(f"{name}\n{array.astype(int)}")

# %% tags=["claim"]
claim(
    "the 7 gets 4, the 9 gets 2, the 8 gets 4", (dx[0, 2, 2], dx[0, 1, 4], dx[0, 3, 3]) == (4, 2, 4)
)
claim("nothing is lost on the way", dx.sum() == dout.sum())

# %% [markdown]
# The 7 in the middle has won two windows, the upper left and the lower left one. (In the upper right one it
# lost to 9, in the lower right one to 8.) It gets **both** their gradients: $1 + 3 = 4$. The 9 gets 2, the 8
# gets 4, and everybody else 0. Nothing is lost on the way: `dx` adds up to what `dout` adds up to.
#
# ## The winners in a face
#
# With the windows of the paper, 3 x 3, stride 2, padding 1, on a face of 32 x 32 pixels. Guess before you
# look: what share of the pixels will win nothing? And where in the face will the winners be?

# %%
tiny = faces(size=32).images[70:71].astype(np.float32) / 127.5 - 1
window = Window.of(3, stride=2, pad=1)
pooled, cache = maxpool_forward(tiny, window)
won = maxpool_backward(np.ones_like(pooled), cache)[0, ..., 0]  # how many windows each pixel won

# %% tags=["drawing"]
figure = Figure(figsize=(9, 4.6), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
left.imshow(tiny[0, ..., 0], cmap="gray", vmin=-1, vmax=1.3)
for times, colour, marker in zip(
    (1, 2, 3, 4), (HUES[4], HUES[1], HUES[5], HUES[3]), "osD^", strict=True
):
    rows, columns = np.nonzero(won == times)
    label = f"won {times} of the windows: {len(rows)} pixels"
    left.scatter(columns, rows, s=14 + 8 * times, color=colour, marker=marker, label=label)
left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2, fontsize=8, frameon=False)
left.set_title("32 x 32, and who wins", fontsize=10)
left.set_xlabel(CREDIT, fontsize=7, color="0.4", loc="left")
right.imshow(pooled[0, ..., 0], cmap="gray", vmin=-1, vmax=1.3)
right.set_title("16 x 16: the winners", fontsize=10)
for panel in (left, right):
    panel.set(xticks=[], yticks=[])
picture(
    figure,
    "A small face with marks on the pixels that won a window of the pooling, most of them one "
    "window, some two, very few three or four; beside it the pooled face, half as wide, brighter, "
    "with the nostrils and the mouth nearly gone.",
)

# %%
print(f"{(won == 0).mean():.0%} of the pixels won nothing, and get no gradient")
print(f"{won.max():.0f} windows at most were won by one pixel")

# %% tags=["claim"]
claim("most pixels are nobody's winner", (won == 0).mean() > 0.7)
claim("up to four windows", won.max() == 4)

# %% [markdown]
# Every window has a winner, on a cheek as well as in the dark hair. A pixel that is brighter than all around it
# wins up to four windows; most pixels are nobody's winner, and learn nothing from this photo. Look at the mouth
# and the nostrils: on the right they are nearly gone, because a maximum keeps what is bright. In the network it
# pools the maps of filters, where bright means 'found here'.
#
# ## Exercise 03.2
#
# Write the backward of max pooling, for windows that overlap. `winner` holds, for each window, which of its places
# won, as one number: the **tap** $i \cdot k_w + j$. So `divmod(tap, kw)` gives $(i, j)$ back. What becomes of a
# pixel that has won twice?


# %% tags=["exercise"]
def max_pool_backward(dout, cache):
    """dL/dx, ndarray (N, H, W, C).

    dout: ndarray (N, H', W', C). cache: a tuple of three: shape = (N, H, W, C); winner, ndarray of
    integers, of the shape of dout; window. window.geometry() is (kh, kw), (sh, sw), (top, left),
    and (-top, -left) is the place in the image at which the first window begins.
    """
    raise NotImplementedError


# %%
check("03.2", max_pool_backward)

# %% [markdown]
# ## Adding up, and the race that comes with it
#
# The obvious backward goes through the windows and adds each gradient to its winner's pixel: it **scatters**.
# Where windows overlap, two of them write to one pixel. Here is what happens if the second reads the old value
# before the first has written its sum. NumPy does so even without threads, when places repeat in an index:

# %%
shape, winner, _ = cache
n, p, q, c = np.indices(winner.shape)
i, j = np.divmod(winner, 3)  # the winner's tap in its window is i * 3 + j
places = n, 2 * p + i - 1, 2 * q + j - 1, c
dout = np.ones(winner.shape)
hasty, careful = np.zeros(shape), np.zeros(shape)
hasty[places] += dout  # reads all, adds, writes all: of a pixel's windows only the last one counts
np.add.at(careful, places, dout)  # one by one
print("np.add.at gives what the library gives:", (careful == maxpool_backward(dout, cache)).all())
print(f"with += the gradient of {1 - hasty.sum() / dout.sum():.0%} of the windows is lost")

# %% tags=["claim"]
claim("some of it is lost", hasty.sum() < 0.9 * dout.sum())
claim("one by one nothing is", (careful == maxpool_backward(dout, cache)).all())

# %% [markdown]
# No error, no warning, a network that trains a little worse. With threads it would even differ from run to
# run. The library's kernel turns the question round: each **input pixel** asks the windows that see it, at
# most four of them, whether it has won, and adds up what it is told. It **gathers**. Every pixel is written by
# one thread, once, in a fixed order, so any number of threads gives the same bits. (Lesson 06 has a race to
# fix.)

# %% [markdown]
# ## Three decisions at the edge
#
# **Ties.** A white wall: all nine are equal. If everybody who equals the maximum got the gradient, a wall
# would get nine times what a face gets. The first one in reading order wins, in all our implementations:

# %%
wall = np.ones((1, 6, 6, 1))
y, cache = maxpool_forward(wall, Window.of(3, stride=3))
dx = maxpool_backward(np.ones_like(y), cache)
print(dx[0, :, :, 0].astype(int))

# %% tags=["claim"]
claim("the first one wins", dx[0, ::3, ::3, 0].all() and dx.sum() == 4)

# %% [markdown]
# **Padding.** Outside of the image there is $-\infty$, not 0. With zeros, the edge of an image of negative
# numbers would win against everything in it. **NaN** wins against everything, so that it travels here, too:

# %%
negative = np.full((1, 4, 4, 1), -5.0)
pool = MaxPool(3, stride=2, pad=1)
print(pool.forward(negative)[0, :, :, 0])
negative[0, 3, 3] = nan
print(pool.forward(negative)[0, :, :, 0])

# %% tags=["claim"]
claim("NaN wins", np.isnan(pool.forward(negative)[0, 1, 1, 0]))
claim("a comparison with NaN is false", max(0.0, nan) == 0 and np.fmax(nan, 0.0) == 0)

# %% [markdown]
# ## Exercise 03.3
#
# The forward, with all three decisions, and with the `cache` that 03.2 needs. Which value would you
# lay around the image? And which of NumPy's functions says not how large the largest is, but where it
# stands? What does that one do with equals?


# %% tags=["exercise"]
def max_pool(x, window):
    """y, and the cache: (x.shape, winner, window).

    x: ndarray (N, H, W, C), floats. y: (N, H', W', C). winner: whole numbers, of the shape of y: the
    tap i * kw + j of the first largest value in each window. window: as in 01.2.
    """
    raise NotImplementedError


# %%
check("03.3", max_pool)

# %% [markdown]
# All three, and every gradient, are tested against the reference in `maxpool.py`. The judge of lesson 02 works on
# it, too, if no two values in a window are closer than its step: a tie is a kink.
#
# **Try next.** Average pooling, which some of the paper's other networks use at the end, gives each of the nine
# a ninth of the gradient. Which of the two would you rather have for 'is there an eye anywhere here?', and
# which for 'how bright is it here?' Then write the gathering backward: for a pixel in row $r$, which $p$ fulfil
# $p s - \mathrm{pad} \le r < p s - \mathrm{pad} + k$? (`_backward_cpu` in `maxpool.py` has it.)
