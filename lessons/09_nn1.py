# %% [markdown]
# # 09 · NN1: a table becomes a network
#
# **140 million numbers turn a photo into 128. Where do they sit, and where does the time go?**
#
# Table 1 of the paper has 22 rows, each with the size of its output, its kernel, its parameters and its
# cost. It leaves out how the borders are padded, what "rnorm" and "maxout p=2" are exactly, and whether
# biases count. But it prints 30 figures, for 14 rows and their totals, and there is a reading that gives
# all of them. So the table can be rebuilt and checked to the last parameter, and here you do that.
#
# Twenty minutes. From the paper: section 3.3, Tables 1 and 2. In the library:
# `minifacenet/embedding/nn1.py` and `inception.py`, and `Sequential.table` in `minifacenet/nn/layer.py`.

# %%
import numpy as np
from exercises import check, hint, solution
from matplotlib.patches import Patch, Rectangle
from show import CREDIT, axes, faces, picture

from minifacenet import Architecture, FaceNet
from minifacenet.embedding.architectures import NETWORKS
from minifacenet.embedding.batches import to_input
from minifacenet.embedding.inception import NN2_PAPER
from minifacenet.embedding.nn1 import NN1, NN1_PAPER
from minifacenet.nn.window import Window
from minifacenet.plots.style import HUES

# %% [markdown]
# ## One row by hand
#
# The first row reads: conv1, from 220x220x3 to 110x110x64, kernel 7x7x3, stride 2, 9K parameters, 115M
# "FLPS". Three sums explain it all:
#
# 1. **The output.** A window of $k$ pixels, with $p$ pixels of padding on both sides and a stride of $s$,
#    fits $\lfloor (n + 2p - k) / s \rfloor + 1$ times. With $p = 3$:
#    $\lfloor (220 + 6 - 7) / 2 \rfloor + 1 = 109 + 1 = 110$.
# 2. **The parameters.** Each of the 64 filters has $7 \cdot 7 \cdot 3$ weights, and one bias:
#    $64 \cdot (147 + 1) = 9472$.
# 3. **The cost.** Each of the $110 \cdot 110$ output pixels uses every parameter once:
#    $12100 \cdot 9472 = 114{,}611{,}200$ multiply-adds.
#
# These are the paper's 9K and 115M. Without the biases the cost would be 114M, so they count.

# %%
height, width = Window.of(7, stride=2, pad=3).output_size(220, 220)
parameters = 64 * (7 * 7 * 3 + 1)
print(
    f"{height}x{width}x64, {parameters:,} parameters, {height * width * parameters:,} multiply-adds"
)

# %% tags=["claim"]
from show import claim

claim("without the biases the cost would be 114M", round(110 * 110 * 64 * 147 / 1e6) == 114)
claim("with them 115M", round(height * width * parameters / 1e6) == 115)
claim("30 figures, for 14 rows and their totals", 2 * len(NN1_PAPER) == 30)

# %% [markdown]
# ## Exercise 09.1
#
# The three sums for any convolution, on any image, square or not.


# %% tags=["exercise"]
def convolution_row(height, width, channels, kernel, stride, pad, filters):
    """(output height, output width, filters), parameters, multiply-adds of a convolution.

    The kernel is kernel x kernel x channels; `pad` pixels on all four sides; one bias a filter.
    """
    raise NotImplementedError


# %%
check("09.1", convolution_row)

# %% [markdown]
# ## The padding, found by its effects
#
# The paper never says how it pads. But its sizes are 110, 55, 28, 14 and 7. Follow one side of the image
# through conv1 and the four pools, under three readings:

# %%
readings = {
    "no padding": (0, 0, False),
    "no padding, rounded up": (0, 0, True),  # as Caffe pools
    "k // 2 on both sides": (3, 1, False),
}
for name, (of_conv, of_pool, round_up) in readings.items():
    sizes = [220, *Window.of(7, 2, of_conv).output_size(220, 220)[:1]]
    for _ in range(4):
        window = Window.of(3, 2, of_pool, round_up)
        sizes.append(window.output_size(sizes[-1], sizes[-1])[0])
    print(f"{name:23}", " ".join(f"{size:3}" for size in sizes))

# %% tags=["claim"]
claim("only the last one gives the paper's numbers", sizes == [220, 110, 55, 28, 14, 7])

# %% [markdown]
# Only the last one gives the paper's numbers: 3 pixels around a 7x7 kernel, 1 around a 3x3 one. Half of
# rebuilding a paper is this kind of work.
#
# ## Exercise 09.2
#
# Here is the table with five rows missing. A maxout of $p = 2$ keeps the larger of **two** linear maps
# (lesson 05), so `fc1` and `fc2` have two weights where others have one. You are right when the total is
# **140,025,664**.
#
# | row | output | kernel, stride | parameters |
# |---|---|---|---|
# | conv1 | 110x110x64 | 7x7x3, 2 | 9,472 |
# | pool1, rnorm1 | 55x55x64 | 3x3, 2 | 0 |
# | conv2a | 55x55x64 | 1x1x64, 1 | 4,160 |
# | conv2 | **?** x192 | 3x3x64, 1 | **?** |
# | rnorm2, pool2 | 28x28x192 | 3x3, 2 | 0 |
# | conv3a | 28x28x192 | 1x1x192, 1 | 37,056 |
# | conv3 | 28x28x384 | 3x3x192, 1 | 663,936 |
# | pool3 | **?** | 3x3, 2 | **?** |
# | conv4a | 14x14x384 | 1x1x384, 1 | 147,840 |
# | conv4 | **?** x256 | 3x3x384, 1 | **?** |
# | conv5a | 14x14x256 | 1x1x256, 1 | 65,792 |
# | conv5 | 14x14x256 | 3x3x256, 1 | 590,080 |
# | conv6a | 14x14x256 | 1x1x256, 1 | 65,792 |
# | conv6 | 14x14x256 | 3x3x256, 1 | 590,080 |
# | pool4, concat | 7x7x256 | 3x3, 2 | 0 |
# | fc1 | 4,096 | maxout p=2 | **?** |
# | fc2 | 4,096 | maxout p=2 | 33,562,624 |
# | fc7128 | 128 | | **?** |
# | L2 | 128 | | 0 |


# %% tags=["exercise"]
def missing_rows():
    """The five rows as {name: (output shape, parameters)}.

    Two that are not missing: {"conv1": ((110, 110, 64), 9472), "fc2": ((4096,), 33562624), ...}
    """
    raise NotImplementedError


# %%
check("09.2", missing_rows)

# %% [markdown]
# ## The table is the code
#
# In the library the network *is* this table: a row is a name, a convolution also has its kernel and stride,
# and the channels are looked up by name.

# %%
print(*NN1[:8], "...", *NN1[-5:], sep="\n")
print({name: NETWORKS["nn1"].widths[name] for name in ("conv1", "conv2a", "conv2", "fc")})

# %% [markdown]
# `build_nn1` walks through it from top to bottom and asks each layer for the shape of its output, which is
# the input of the next. `Sequential.table` walks once more and adds up. Let us build the whole of it: half a
# gigabyte of random weights, which we throw away at once.

# %%
architecture = Architecture("nn1")
network = FaceNet.new(architecture).network
rows = network.table(architecture.input_shape)
del network
print("row     output       parameters  paper  multiply-adds  paper")
for row in rows:
    line = f"{row.name:7} {'x'.join(map(str, row.output)):11}"
    if row.parameters:
        printed = NN1_PAPER[row.name]
        line += f"{row.parameters:>12,} {printed[0]:>6} {row.multiply_adds:>14,} {printed[1]:>6}"
    print(line.rstrip())
total, cost = sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows)
print(f"{len(rows)} rows            {total:>11,} {'140M':>6} {cost:>14,} {'1.6B':>6}")

# %% tags=["claim"]
claim("22 rows, 140,025,664 parameters", (len(rows), total) == (22, 140_025_664))
claim("14 rows have weights", sum(row.parameters > 0 for row in rows) == 14)
claim(
    "all 30 figures, after rounding",
    all(
        abs(value / {"K": 1e3, "M": 1e6, "B": 1e9}[text[-1]] - float(text[:-1]))
        <= 0.5001 * 10 ** -len(text[:-1].partition(".")[2])
        for name, *values in [
            *((row.name, row.parameters, row.multiply_adds) for row in rows if row.parameters),
            ("total", total, cost),
        ]
        for value, text in zip(values, NN1_PAPER[name], strict=True)
    ),
)

# %% [markdown]
# All 30 figures of the paper, after rounding. ("22 layers deep" counts rows: 14 of them have weights.)
#
# ## Where the numbers sit, and where the time goes
#
# Before you look: which row has the most parameters, and which the most multiply-adds? Is it the same one?


# %%
def amount(number):
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= unit:
            return f"{number / unit:.3g}{letter}"
    return f"{number}"


def kind(row):
    if row.name.startswith("fc"):
        return "fully connected"
    return "1x1 convolution" if row.name.endswith("a") else "convolution"


weighted = [row for row in rows if row.parameters]

# %% tags=["drawing"]
colours = dict(zip(("convolution", "1x1 convolution", "fully connected"), HUES, strict=False))
panels = axes(9.5, 4.2, columns=2)[0]
for panel, field, title in zip(
    panels,
    ("parameters", "multiply_adds"),
    ("parameters", "multiply-adds of one photo"),
    strict=True,
):
    values = np.array([getattr(row, field) for row in weighted])
    shares = 100 * values / values.sum()
    names = [row.name for row in weighted]
    panel.barh(names, shares, color=[colours[kind(row)] for row in weighted])
    for place, (value, share) in enumerate(zip(values, shares, strict=True)):
        panel.text(share + 1, place, amount(value), va="center", fontsize=8)
    panel.invert_yaxis()
    panel.set(xlabel="share of the total (%)", xlim=(0, 1.2 * shares.max()))
    panel.set_title(title, loc="left", fontsize=10)
    panel.spines[["top", "right"]].set_visible(False)
handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
panels[0].legend(handles=handles, frameon=False, loc="upper right", fontsize=9)
picture(
    panels,
    "Bars for the rows of NN1. Left, parameters: fc1 has three quarters of them and fc2 most of "
    "the rest, the convolutions next to none. Right, multiply-adds: there it is the convolutions, "
    "conv3 and conv2 above all, and the connected rows have little.",
)

# %%
connected = [row for row in rows if kind(row) == "fully connected"]
narrow = [row for row in weighted if kind(row) == "1x1 convolution"]
for name, group in (("fc1, fc2, fc7128", connected), ("the 1x1 rows", narrow)):
    share = sum(row.parameters for row in group) / total
    work = sum(row.multiply_adds for row in group) / cost
    print(f"{name:17} {share:6.1%} of the parameters, {work:6.1%} of the multiply-adds")
print(
    f"a batch of 1,800 photos, forward and backward: {3 * 1800 * cost / 1e12:.1f} million million"
)

# %% tags=["claim"]
claim("conv3 and conv2 cost the most", {"conv3", "conv2"} == {
    row.name for row in sorted(rows, key=lambda row: row.multiply_adds)[-2:]
})  # fmt: skip
claim("fc1 has the most parameters", max(rows, key=lambda row: row.parameters).name == "fc1")
claim("memory", sum(row.parameters for row in connected) > 0.95 * total)
claim("time", sum(row.multiply_adds for row in connected) < 0.1 * cost)

# %% [markdown]
# Two different networks, so to speak. **Memory is the fully connected part**: every weight is used once
# a photo. **Time is the convolutions**: few weights, each used at every pixel. Whoever wants NN1 smaller
# has to change `fc1`; whoever wants it faster, `conv3` and `conv2`. (That is why lesson 08 was about 3x3
# convolutions.) The rows with an "a" are 1x1 convolutions: they mix the channels of each pixel and add a
# layer with its ReLU for little.
#
# The backward costs about twice the forward, since `dx` and `dw` take a product each. So a batch of the
# paper is three times 1,800 photos' worth: far too much for a laptop. Hence **nn1_mini**: the same rows, the
# same code, a quarter of the channels, an eighth of the outputs of fc1 and fc2, and 96x96 pixels.

# %%
small = Architecture("nn1_mini", channels=1)
network = FaceNet.new(small, seed=0).network
mini = network.table(small.input_shape)
for name, n, m in (
    ("parameters", total, sum(row.parameters for row in mini)),
    ("multiply-adds", cost, sum(row.multiply_adds for row in mini)),
):
    print(f"{name:13}  nn1 {n:>13,}   nn1_mini {m:>10,}   {n / m:.0f} times less")

# %% tags=["claim"]
claim(
    "a quarter of the channels, an eighth of fc",
    all(
        width == NETWORKS["nn1_mini"].widths[name] * (8 if name == "fc" else 4)
        for name, width in NETWORKS["nn1"].widths.items()
    ),
)

# %% [markdown]
# ## The same work with a nineteenth of the weights
#
# Table 2 of the paper is a second network, **NN2**. It costs as much as NN1. Its rows are called
# *inceptions*: instead of choosing a kernel, a row looks at its input through several side by side, and
# joins what they say along the channels. A 1x1 convolution first reduces the channels that a larger kernel
# has to read. Here is one of them, inception3a:

# %%
inceptions = Architecture("nn2")
other = FaceNet.blank(inceptions).network
rows_2 = other.table(inceptions.input_shape)
before = next(row.output for row in rows_2 if row.name == "pool2")
print("inception3a reads", "x".join(map(str, before)))
for name, branch in other["inception3a"].branches.items():
    shape, channels = before, []
    for layer in branch:
        shape = layer.output_shape(shape)
        channels.append(f"{type(layer).__name__} to {shape[2]}")
    steps = ", ".join(step for step in channels if not step.startswith("ReLU"))
    print(f"  {name:5} {steps}")
print("it gives", "x".join(map(str, other["inception3a"].output_shape(before))))
direct, reduced = 5 * 5 * 192 * 32, 192 * 16 + 5 * 5 * 16 * 32
print(f"the 5x5 alone: {direct:,} weights without its 1x1, {reduced:,} with it")

# %% [markdown]
# The rows of Table 2 come out as they are printed, too:

# %%
print("row          output        parameters  paper  multiply-adds  paper")
for row in rows_2:
    if row.parameters:
        printed = NN2_PAPER[row.name]
        line = f"{row.name:12} {'x'.join(map(str, row.output)):12} {row.parameters:>11,}"
        print(f"{line} {printed[0]:>6} {row.multiply_adds:>14,} {printed[1]:>6}")
total_2, cost_2 = (sum(getattr(row, f) for row in rows_2) for f in ("parameters", "multiply_adds"))
print(f"{'total':25} {total_2:>11,} {'7.5M':>6} {cost_2:>14,} {'1.6B':>6}")

# %% [markdown]
# Now both, side by side, where the map has the same size. (A row counts where its output lies.)

# %%
stages = {"110 or 112": (110, 112), "55 or 56": (55, 56), "28": (28,), "14": (14,), "7": (7,)}


def by_stage(rows, field):
    sums = [
        sum(getattr(row, field) for row in rows if len(row.output) == 3 and row.output[0] in sides)
        for sides in stages.values()
    ]
    return [*sums, sum(getattr(row, field) for row in rows if len(row.output) == 1)]


# %% tags=["drawing"]
panels = axes(9.5, 4.6, columns=2)[0]
for panel, field, title, place_of_names in zip(
    panels,
    ("parameters", "multiply_adds"),
    ("parameters", "multiply-adds of one photo"),
    ("center right", "lower right"),
    strict=True,
):
    columns = {"NN1": by_stage(rows, field), "NN2": by_stage(rows_2, field)}
    longest = max(map(max, columns.values()))
    for offset, (name, values), colour in zip((-0.2, 0.2), columns.items(), HUES, strict=False):
        places = np.arange(len(values)) + offset
        panel.barh(
            places, values, height=0.38, color=colour, label=f"{name}: {amount(sum(values))}"
        )
        for place, value in zip(places, values, strict=True):
            panel.text(value + longest / 60, place, amount(value), va="center", fontsize=8)
    panel.set_yticks(range(len(stages) + 1), [*stages, "a vector"])
    panel.set_ylabel("side of the map (pixels)")
    panel.invert_yaxis()
    panel.set(xlim=(0, 1.2 * longest), xticks=[])
    panel.set_title(title, loc="left", fontsize=10)
    panel.spines[["top", "right", "bottom"]].set_visible(False)
    panel.legend(frameon=False, loc=place_of_names, fontsize=9)
picture(
    panels,
    "NN1 and NN2 side by side, by the size of the map. Parameters: NN1 has nearly all of its in "
    "the fully connected end, and NN2 has few anywhere. Multiply-adds: both spend about the same "
    "in all, NN2 somewhat later.",
)

# %%
fc1 = next(row for row in rows if row.name == "fc1")
last, pool = rows_2[-2], rows_2[-3]
print(f"NN1 {total:,} parameters, NN2 {total_2:,}: {total / total_2:.0f} times less")
print(f"multiply-adds: NN1 {cost:,}, NN2 {cost_2:,}: {cost / cost_2:.3f} times")
print(
    f"fc1 reads {7 * 7 * 256:,} numbers: {fc1.parameters:,} parameters, {fc1.parameters / total:.0%}"
)
print(
    f"{last.name} reads {pool.output[-1]:,} numbers: {last.parameters:,}, {last.parameters / total_2:.1%}"
)

of_maps, of_maps_2 = (
    sum(row.parameters for row in table if len(row.output) == 3) for table in (rows, rows_2)
)
print(f"the rest: NN1 {of_maps:,}, NN2 {of_maps_2:,}, {of_maps_2 / of_maps:.1f} times as many")

# %% tags=["claim"]
claim("a nineteenth of the weights", round(total / total_2) == 19)
claim("the same work", 0.98 < cost / cost_2 < 1.02)
claim("twice as many in the convolutions", round(of_maps_2 / of_maps) == 2)
claim("most lie where the map is small", sum(by_stage(rows_2, "parameters")[3:5]) > 0.7 * of_maps_2)

# %% [markdown]
# So `fc1` is what a network can do without. It gives each place of the last 7x7 map weights of its own.
# NN2 takes the mean of each channel over these places instead, and one small linear map is left. Its
# convolutions have twice as many parameters as NN1's, and no more to do: most of them lie where the map is
# small.
#
# ## A face on its way down
#
# Run a photo through nn1_mini and stop at some of the rows. The weights are random, nothing is trained yet:

# %%
photos = faces()
chosen = photos.paths.index("s13/4.png")
activity = to_input(photos.images[[chosen]])
stops = {"photo": activity[0]}
for name, layer in network.layers.items():
    activity = layer.forward(activity)
    stops[name.removesuffix(".relu").removesuffix(".maxout")] = activity[0]
shown = ("photo", "conv1", "pool1", "conv2", "pool2", "conv3", "pool3", "conv6", "pool4")

# %% tags=["drawing"]
panels = axes(10.5, 4.1, columns=len(shown), rows=3)
for column, name in zip(panels.T, shown, strict=True):
    maps = stops[name]
    lively = np.argsort(-maps.std(axis=(0, 1)))[:3]  # the channels that vary the most
    for panel, channel in zip(column, lively, strict=False):
        panel.imshow(maps[..., channel], cmap="gray")
    column[0].set_title(f"{name}\n{'x'.join(map(str, maps.shape))}", fontsize=9)
for panel in panels.flat:
    panel.axis("off")
panels[0, 0].figure.text(0.995, -0.02, CREDIT, ha="right", fontsize=7, color="0.4")
picture(
    panels,
    "A face, and three channels of each of eight rows of the network. From left to right the "
    "face turns into maps of fewer and fewer pixels, until only a few grey squares are left.",
)

# %% [markdown]
# Three channels of each row. From left to right the picture loses pixels and gains channels: *where* is
# given up for *what*. At the end there are 3x3 places with 64 channels (7x7 with 256 in NN1), and the fully
# connected rows make one vector of them. Even a random network keeps the layout of the face for a long
# way; training decides **what** is worth keeping.
#
# How much of the photo does one of these values see? A kernel of $k$ widens its view by $k - 1$ steps, and
# each stride makes all later steps longer:

# %%
view, jump, views = 1, 1, {}
for row in rows:
    if row.window:
        view += (row.window.kernel[0] - 1) * jump
        jump *= row.window.stride[0]
        views[row.name] = view
print({name: views[name] for name in ("conv1", "pool1", "pool2", "pool3", "conv6", "pool4")})

# %% tags=["claim"]
claim("pool1 sees 11 pixels", views["pool1"] == 11)
claim("pool4 nearly the whole face", 0.8 * 220 < views["pool4"] < 220)

# %% tags=["drawing"]
ax = axes(6, 4)
ax.imshow(faces(220).images[chosen, ..., 0], cmap="gray", extent=(0, 220, 220, 0))
squares = {name: views[name] for name in ("pool4", "conv6", "pool3", "pool2", "pool1")}
for (name, side), colour in zip(squares.items(), HUES, strict=False):
    corner = (110 - side / 2, 110 - side / 2)
    ax.add_patch(Rectangle(corner, side, side, fill=False, edgecolor="white", linewidth=4))
    square = Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=2)
    square.set_label(f"{name}: {side} x {side}")
    ax.add_patch(square)
ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
ax.axis("off")
ax.figure.text(0.995, -0.02, CREDIT, ha="right", fontsize=7, color="0.4")
picture(
    ax,
    "A face with five squares around its middle: what one value behind each pooling layer and "
    "conv6 sees. The smallest is a few pixels of the nose, the third an eye, the largest nearly "
    "the whole photo.",
)

# %% [markdown]
# A value behind pool1 knows a patch of 11 pixels: an edge. Behind pool3 it knows an eye, behind pool4
# nearly the whole face. What is a nose, and how far it is from the eyes, can only be decided late.
#
# **Try next.** `minifacenet summary nn1 --size 96` prints the table for smaller photos. Which one row has
# fewer parameters, and why do all the others stay? Then find the input size, above 96, at which `fc1` is
# about half as large as at 220.
