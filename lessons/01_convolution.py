# %% [markdown]
# # 01 · Convolution: from seven loops to one matrix product
#
# **How can a small table of numbers look at every place of a photo, and do so fast?**
#
# A photo for the paper's network has $220 \times 220 \times 3 = 145{,}200$ numbers. Its first layer gives
# $110 \times 110 \times 64 = 774{,}400$. If each of these were a weighted sum of all the first ones, the
# layer would need 112 billion weights. It has 9,472, of which 64 are biases. Two ideas save the rest:
#
# - an output looks at a small **window** of the photo only, since an eye is a matter of neighbours;
# - the **same weights** serve at every place, since an eye is an eye wherever it is.
#
# That is a convolution. This lesson writes it as seven loops, which anybody can read, and then as a
# matrix product, which processors do best. Twenty minutes. From the paper: section 3.3 and the rows
# conv1 to conv6 of Table 1. In the library: `minifacenet/nn/conv.py`, `im2col.py` and `window.py`.

# %%
import inspect
import time

import numpy as np
from exercises import check, hint, solution
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from show import CREDIT, faces, picture, play

from minifacenet.nn.conv import Conv2D, conv_forward
from minifacenet.nn.device.backend import one_thread
from minifacenet.nn.window import Window
from minifacenet.plots.style import HUES

# %% [markdown]
# ## The smallest one
#
# An image of 4 rows and 5 columns, dark on the left and bright on the right, and a **filter** of
# 3 x 3 weights. Lay the filter on the upper left corner, multiply each weight by the pixel below, add up:
# $-1 \cdot 1 + 0 \cdot 1 + 1 \cdot 1$, three times, is 0. One step to the right it is
# $-1 \cdot 1 + 0 \cdot 1 + 1 \cdot 9 = 8$, three times: 24.

# %%
image = np.array([[1, 1, 1, 9, 9]] * 4, dtype=float)
edge = np.array([[-1, 0, 1]] * 3, dtype=float)
out, _ = conv_forward(image[None, :, :, None], edge[:, :, None, None], np.zeros(1), Window.of(3))
print(image)
print(out[0, :, :, 0])

# %% tags=["claim"]
from show import claim

claim("all with all would be 112 billion weights", round(145_200 * 774_400 / 1e9) == 112)
claim("it has 9,472, of which 64 are biases", 7 * 7 * 3 * 64 + 64 == 9472)
claim("0 where nothing changes, 24 at the edge", out.ravel().tolist() == [0, 24, 24, 0, 24, 24])

# %% [markdown]
# The filter answers 0 where nothing changes and 24 where dark turns into bright: it finds vertical
# edges. And it finds them wherever they are. (The indices added to an image are for several photos at
# once and for channels; we come to them.)
#
# On a face: the window slides along a row, then along the next one, and each place gives one number of the
# answer. Before you look: where in a face will the answer be large, where near 0, and where negative?

# %%
coarse = faces(size=32).images[70, ..., 0].astype(np.float64) / 127.5 - 1
filled, _ = conv_forward(
    coarse[None, :, :, None], edge[:, :, None, None], np.zeros(1), Window.of(3)
)
filled = filled[0, :, :, 0]


# %% tags=["drawing"]
def window_at(ax, place, coarse=coarse, filled=filled):
    row, column = divmod(int(place), filled.shape[1])
    so_far = np.where(np.arange(filled.size).reshape(filled.shape) <= place, filled, np.nan)
    ax.imshow(coarse, cmap="gray", extent=(0, 32, 32, 0))
    ax.imshow(so_far, cmap="PuOr", vmin=-2, vmax=2, extent=(35, 65, 31, 1))
    for x, y, side in ((column, row, 3), (35 + column, 1 + row, 1)):
        frame = {"fill": False, "edgecolor": HUES[5], "linewidth": 2}
        ax.add_patch(Rectangle((x, y), side, side, **frame))
    ax.add_patch(Rectangle((35, 1), 30, 30, fill=False, edgecolor="0.6", linewidth=0.8))
    ax.set(xlim=(-1, 66), ylim=(33, -1), xticks=[], yticks=[], aspect="equal")
    ax.set_title(f"place {int(place)}: {filled[row, column]:+.2f}", fontsize=10)
    ax.set_xlabel(CREDIT, fontsize=6, color="0.4", loc="left")
    ax.spines[:].set_visible(False)
    return f"At place {int(place)} it answers {filled[row, column]:+.2f}."


play(
    window_at,
    "A small face with a window of three by three pixels on it, and beside it the answer, which is "
    "filled place by place as the window slides from the upper left to the lower right.",
    still=[{"place": 68}, {"place": 430}, {"place": 899}],
    place=(0, 899, 1),
)

# %% [markdown]
# Three filters on the face:

# %%
photos = faces()
face = photos.images[70].astype(np.float32) / 127.5 - 1  # the network's input scaling: -1 to 1
names = ["dark to bright, rightwards", "dark to bright, downwards", "the mean of nine"]
filters = np.stack([edge, edge.T, np.full((3, 3), 1 / 9)], axis=2)[:, :, None].astype(np.float32)
answers, _ = conv_forward(face[None], filters, np.zeros(3, np.float32), Window.of(3, pad=1))

# %% tags=["drawing"]
figure = Figure(figsize=(9, 3.9), layout="constrained")
panels = figure.subplots(2, 4, height_ratios=(1, 2.6))
panels[0, 0].set_visible(False)
panels[1, 0].imshow(face[..., 0], cmap="gray")
panels[1, 0].set_title("the photo", fontsize=10)
panels[1, 0].set_xlabel(CREDIT, fontsize=7, color="0.4", loc="left")
for o, name in enumerate(names):
    most = np.abs(answers[0, ..., o]).max()
    style = {"cmap": "gray"} if o == 2 else {"cmap": "PuOr", "vmin": -most, "vmax": most}
    shown = panels[1, 1 + o].imshow(answers[0, ..., o], **style)
    panels[1, 1 + o].set_title(name, fontsize=10)
    table = panels[0, 1 + o]
    table.imshow(filters[..., 0, o], cmap="PuOr", vmin=-2, vmax=2)
    for (i, j), weight in np.ndenumerate(filters[..., 0, o]):
        table.text(j, i, "1/9" if o == 2 else f"{weight:.0f}", ha="center", va="center", fontsize=8)
for panel in panels.flat:
    panel.set(xticks=[], yticks=[])
picture(
    figure,
    "A face and what three filters make of it, each filter shown above as a table of nine "
    "weights. The first one draws upright edges, the sides of the nose and of the face; the "
    "second one lying edges, lids and mouth; the mean of nine pixels blurs the face.",
)

# %% [markdown]
# Violet is positive, orange negative. The nose, the lids, the mouth: each filter draws its own map of
# the face. Nobody writes such filters into FaceNet; it starts with random ones and learns them, and
# lesson 02 shows how. This lesson is about computing them.
#
# ## The formula
#
# A stack of photos is an array $x$ of shape $(N, H, W, C)$: photos, rows, columns, channels. A grey
# photo has $C = 1$, and behind the first layer the channels are the maps of the filters before. The
# weights $w$ have the shape $(k_h, k_w, C, O)$, for $O$ filters, and each filter has a bias $b_o$:
#
# $$y_{npqo} = b_o + \sum_{i=0}^{k_h-1} \sum_{j=0}^{k_w-1} \sum_{c=0}^{C-1}
# w_{ijco} \; x_{n,\; p s + i - \mathrm{pad},\; q s + j - \mathrm{pad},\; c}$$
#
# Everything is counted from 0, as in the code. The **stride** $s$ is the step from window to window: 2 halves the
# picture. The **padding** puts a frame of zeros around the image, so that pixels at the edge get a
# window around them, too. A filter looks at *all* channels at once and has separate weights for each.
#
# (In mathematics a convolution turns the filter by 180 degrees first. Deep learning leaves that out,
# and keeps the name: learned weights do not mind which way round they lie.)
#
# ## Exercise 01.1
#
# How often does a window fit? Along one axis of `n` pixels, with `before` and `after` pixels of padding,
# a window of `k` pixels starts at 0 and moves by `s` as long as it fits as a whole.


# %% tags=["exercise"]
def output_size(n, k, s, before, after):
    """How many windows fit; a whole number."""
    raise NotImplementedError


# %%
check("01.1", output_size)

# %% [markdown]
# The library has this in `Window`, which holds kernel, stride and padding of both axes:

# %%
window = Window.of(7, stride=2, pad=3)
print(window)
print("220 x 220 becomes", window.output_size(220, 220))

# %% [markdown]
# ## Seven loops
#
# The formula, word by word: four loops for the place in the output, three for the sum.


# %%
def seven_loops(x, w, b, window):
    """y of shape (N, H', W', O)."""
    (kh, kw), (sh, sw), (top, left) = window.geometry()
    photos, height, width, channels = x.shape
    out_h, out_w = window.output_size(height, width)
    y = np.zeros((photos, out_h, out_w, w.shape[3]), x.dtype)
    for n in range(photos):
        for p in range(out_h):
            for q in range(out_w):
                for o in range(w.shape[3]):
                    total = b[o]
                    for i in range(kh):
                        for j in range(kw):
                            row, column = p * sh + i - top, q * sw + j - left
                            if 0 <= row < height and 0 <= column < width:
                                for c in range(channels):
                                    total += w[i, j, c, o] * x[n, row, column, c]
                    y[n, p, q, o] = total
    return y


rng = np.random.default_rng(0)
small = face[None, 30:62, 30:62]
layer = Conv2D(channels=1, filters=8, kernel=7, rng=rng, stride=2, pad=3)
w, b = layer.weight.data, layer.bias.data
slow = seven_loops(small, w, b, layer.window)
print(
    "shape",
    slow.shape,
    " as the library's layer:",
    np.allclose(slow, layer.forward(small), atol=1e-5),
)

# %% tags=["claim"]
claim("it is right", np.allclose(slow, layer.forward(small), atol=1e-5))
claim("100,000 products", 95_000 < slow.size * w[..., 0].size < 105_000)

# %% [markdown]
# It is right, and it is slow: for each of 100,000 products Python looks up the arrays, checks the
# indices, makes a number object and throws it away. How slow, we measure below. First the cure.
#
# ## A window becomes a row
#
# A sum of products of two lists is a dot product. Many dot products with the same lists are a **matrix
# product**. So write every window as a row, all rows below each other as a matrix $X$, and each filter
# as a column of a matrix $W$. Then
#
# $$Y = X W + b$$
#
# holds every output at once: row $p W' + q$ is the window $(p, q)$, column $o$ the filter $o$. Here with a
# face of 32 x 32 pixels and windows of 14 x 14 pixels, 9 apart, so that you can see them:

# %%
tiny = faces(size=32).images[70].astype(np.float32) / 127.5 - 1
corners = [(y, x) for y in (0, 9, 18) for x in (0, 9, 18)]
patches = [tiny[y : y + 14, x : x + 14] for y, x in corners]
columns = np.stack([patch.ravel() for patch in patches])
print("X:", columns.shape)

# %% tags=["drawing"]
figure = Figure(figsize=(9, 3.2), layout="constrained")
left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 2))
marked = {0: HUES[0], 4: HUES[5], 5: HUES[2]}
spread = np.full((44, 44), np.nan, np.float32)
for number, ((y, x), patch) in enumerate(zip(corners, patches, strict=True)):
    up, along = 15 * (y // 9), 15 * (x // 9)
    spread[up : up + 14, along : along + 14] = patch[..., 0]
    if number in marked:
        frame = {"fill": False, "edgecolor": marked[number], "linewidth": 2.5, "clip_on": False}
        left.add_patch(Rectangle((x - 0.5, y - 0.5), 14, 14, **frame))
        middle.add_patch(Rectangle((along - 0.5, up - 0.5), 14, 14, **frame))
        right.add_patch(Rectangle((-0.5, number - 0.5), 196, 1, **frame))
left.imshow(tiny[..., 0], cmap="gray")
middle.imshow(spread, cmap="gray")
right.imshow(columns, cmap="gray", aspect="auto", interpolation="nearest")
left.set_title("photo, three windows", fontsize=10)
middle.set_title("all nine windows", fontsize=10)
right.set_title("X: a window is a row", fontsize=10)
right.set(xlabel="14 x 14 = 196 values", ylabel="window", yticks=range(9))
left.set_xlabel(CREDIT, fontsize=7, color="0.4", loc="left")
for panel in (left, middle):
    panel.set(xticks=[], yticks=[])
middle.spines[:].set_visible(False)
picture(
    figure,
    "A small face with three square windows marked in it, the same windows in a grid of all nine, "
    "and the matrix X, in which each window is one row of grey values. Two of the marked windows "
    "overlap, so what they share stands in two rows.",
)

# %% [markdown]
# The marked windows overlap. What lies in two of them is in the matrix twice: that is the price.

# %%
w = rng.standard_normal((14, 14, 1, 4)).astype(np.float32)
by_matrix = columns @ w.reshape(196, 4)
by_definition, _ = conv_forward(tiny[None], w, np.zeros(4, np.float32), Window.of(14, stride=9))
print("X", columns.shape, " W", w.reshape(196, 4).shape, " Y", by_matrix.shape)
print("the same:", np.allclose(by_matrix.reshape(3, 3, 4), by_definition[0], atol=1e-4))

# %% tags=["claim"]
claim("the same", np.allclose(by_matrix.reshape(3, 3, 4), by_definition[0], atol=1e-4))

# %% [markdown]
# ## Exercise 01.2
#
# Write it for any window. Mind odd shapes: a kernel that is not square, a stride for each axis, padding
# that differs before and after, several channels. Inside a row the order is that of the weights, $(i, j, c)$
# with the channel last, or the columns of $W$ would meet the wrong values.


# %% tags=["exercise"]
def im2col(x, window):
    """The windows of one image as rows: ndarray (H' W', kh kw C), of the dtype of x.

    x: ndarray (H, W, C). The window has window.kernel = (kh, kw), window.stride = (sh, sw),
    window.pad = ((top, bottom), (left, right)), and window.output_size(H, W) = (H', W').
    """
    raise NotImplementedError


# %%
check("01.2", im2col)

# %% [markdown]
# ## Exercise 01.3
#
# And now the layer itself, for a stack of photos, in a few lines and without seven loops. You have the
# windows of a photo as rows. What should stand beside them, so that one product gives all outputs of all
# filters? In which order do they come out of it? Your `im2col` may help; if it is still to come,
# `from exercises import mine` and `im2col = mine["01.2"]` lend you another.


# %% tags=["exercise"]
def convolve(x, w, b, window):
    """y, ndarray (N, H', W', O).

    x: ndarray (N, H, W, C). w: (kh, kw, C, O). b: (O,). window: as in 01.2.
    """
    raise NotImplementedError


# %%
check("01.3", convolve)

# %% [markdown]
# Who has solved this one owns the first part of a network. Lesson 16 will ask for it.
#
# ## What the library does
#
# Its reference, which every fast version is tested against, takes a road in between: two loops over the
# places $(i, j)$ **in the filter**, and for each a matrix product of all pixels that this weight meets.
# (`_taps` lists these places, and which rows and columns of the padded image each of them meets.)

# %%
print(inspect.getsource(conv_forward))

# %% [markdown]
# And its layer, `Conv2D`, runs im2col in compiled kernels, with one twist. The matrix is large. In the
# paper's conv2 (55 x 55 pixels, 3 x 3 windows, 64 channels) every pixel stands in it nine times:

# %%
pixels, values = 55 * 55, 3 * 3 * 64
print(
    f"the image: {55 * 55 * 64 * 4 / 1e6:.1f} MB   its matrix X: {pixels * values * 4 / 1e6:.1f} MB"
)
print(f"X for a batch of 1,800 photos: {1800 * pixels * values * 4 / 1e9:.1f} GB")

# %% [markdown]
# So it never holds all of $X$. It copies the windows of a few output rows, a megabyte, which stay in the
# processor's cache, multiplies them, and goes on to the next rows. (`minifacenet/nn/convolution/im2col.py` has both
# kernels.)
#
# What does it bring? One thread, the same photo, the paper's 7 x 7 windows with stride 2:


# %%
def seconds(work, rounds):
    """Processor time of one call: the median, after a first call that does not count."""
    work()
    times = []
    for _ in range(rounds):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return np.median(times)


conv1 = Conv2D(channels=1, filters=16, kernel=7, rng=rng, stride=2, pad=3)
photo = face[None]
weights = conv1.weight.data, conv1.bias.data, conv1.window
with one_thread():
    cost = {
        "seven loops": seconds(lambda: seven_loops(photo, *weights), 1),
        "two loops, NumPy": seconds(lambda: conv_forward(photo, *weights), 20),
        "im2col, compiled": seconds(lambda: conv1.forward(photo), 200),
    }
products = conv1.multiply_adds(photo.shape[1:])
print(f"{products:,} multiply-adds; how many times the last one's time, roughly:")
for name, took in cost.items():
    ratio = took / cost["im2col, compiled"]
    print(f"{name:18}{float(f'{ratio:.1g}'):8,.0f}")  # one digit: the others are noise

# %% tags=["claim"]
claim("hundreds of times as fast, at least", cost["seven loops"] > 200 * cost["im2col, compiled"])

# %% [markdown]
# (Your machine will give other figures.) The same sum, hundreds or thousands of times as fast, without a
# change to the mathematics. Lessons 06 to 08 go on from here.
#
# A last remark on the paper. In front of each 3 x 3 convolution stands one with **1 x 1** windows. Such a
# window is a single pixel: it sees no neighbours at all, it only mixes the channels of each pixel. There
# $X$ is the image itself, and nothing has to be copied.
#
# **Try next.** Put the filter `[[0, 1, 0], [1, -4, 1], [0, 1, 0]]` on the face: it answers where a pixel
# differs from the mean of its four neighbours. What happens with a blur first, and this one afterwards?
# And which single filter of 5 x 5 does both at once?
