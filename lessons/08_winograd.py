# %% [markdown]
# # 08 · Winograd: fewer multiplications than the convolution needs
#
# **An output of a 3 x 3 filter is a sum of nine products. Can it be had for fewer than nine?**
#
# It can, for four, and even for two and a quarter: exactly, not approximately, whatever the filter and
# the photo. That looks like magic, and is a piece of school algebra: a parabola is known by
# three of its points. This lesson finds it on numbers that you can work out in your head, carries it over to a tile
# of a face, counts what is saved, and looks at the price, which is paid in digits.
#
# Twenty minutes. From the paper: section 3.3 and Table 1, whose rows conv2 to conv6 are such filters and
# more than three quarters of the network's work. In the library: `minifacenet/nn/convolution/winograd.py`,
# `winograd_matrices.py` and `winograd_transforms.py`. (S. Winograd, 1980; A. Lavin and S. Gray, 2016.)

# %%
import inspect
import time
from fractions import Fraction

import numpy as np
from exercises import check, hint, solution
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from show import CREDIT, axes, faces, picture

from minifacenet.nn.conv import Conv2D, conv_forward
from minifacenet.nn.convolution.winograd import fastest_tile
from minifacenet.nn.convolution.winograd_matrices import INFINITY, winograd_matrices
from minifacenet.nn.convolution.winograd_transforms import POINTS
from minifacenet.nn.device.backend import one_thread
from minifacenet.nn.window import Window
from minifacenet.plots.style import DIFFERENT, HUES, SAME

# %% [markdown]
# ## Three for four
#
# The smallest case: a filter $g$ with two taps slides along a line of pixels $d$. Two neighbouring
# outputs take four multiplications:
#
# $$y_0 = d_0 g_0 + d_1 g_1 \qquad\qquad y_1 = d_1 g_0 + d_2 g_1$$
#
# Now these three products:
#
# $$m_1 = (d_0 - d_1)\,g_0 \qquad m_2 = d_1\,(g_0 + g_1) \qquad m_3 = (d_1 - d_2)\,g_1$$
#
# Multiply out $m_1 + m_2$: the two $d_1 g_0$ cancel, and $d_0 g_0 + d_1 g_1$ is left. That is $y_0$. In
# the same way $m_2 - m_3 = y_1$. **One product, $m_2$, serves both outputs.**

# %%
d, g = (5, 1, 4), (2, 3)
m1, m2, m3 = (d[0] - d[1]) * g[0], d[1] * (g[0] + g[1]), (d[1] - d[2]) * g[1]
print("multiplied out:", d[0] * g[0] + d[1] * g[1], d[1] * g[0] + d[2] * g[1])
print("m:", m1, m2, m3, "  y:", m1 + m2, m2 - m3)

# %% tags=["claim"]
from show import claim

claim("the same", (m1 + m2, m2 - m3) == (d[0] * g[0] + d[1] * g[1], d[1] * g[0] + d[2] * g[1]))

# %% [markdown]
# Three multiplications for four, but five additions for two. A processor adds no faster than it
# multiplies, so what is the point? In a layer, $d_0$ is not a number. It is a pixel with $C$ channels, and
# $g_0$ is a table of $C \times O$ weights. Then
#
# - a 'multiplication' $d_0 g_0$ is a product of a vector and a matrix: $C \cdot O$ multiply-adds;
# - an addition $d_0 - d_1$ takes $C$ steps, an addition of two $m$ takes $O$;
# - $g_0 + g_1$ is worked out once, for all places and all photos.
#
# With 192 channels and 384 filters a multiplication costs $192 \cdot 384 = 73{,}728$, an addition some hundreds. So
# multiplications are what we count, and additions we take as nearly free. (Only nearly: see below.)
#
# ## Exercise 08.1
#
# FaceNet's filters have three taps. Two outputs, with six multiplications:
#
# $$y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2 \qquad\qquad y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2$$
#
# Four will do. Two of them are given:
#
# $$m_2 = (d_1 + d_2)\,\frac{g_0 + g_1 + g_2}{2} \qquad\qquad m_3 = (d_2 - d_1)\,\frac{g_0 - g_1 + g_2}{2}$$
#
# Take pencil and paper and multiply out $m_2 + m_3$ and $m_2 - m_3$; most of it cancels. What does
# $m_2 + m_3$ lack to be $y_0$? It is **one** product, $m_1$. And what does $m_2 - m_3$ lack to be $y_1$? That
# is $m_4$.
#
# The check counts. What is multiplied by a plain number, such as 0.5, does not count.


# %% tags=["exercise"]
def two_outputs(d, g):
    """y_0 and y_1, with four multiplications of something made of d by something made of g.

    d: four numbers. g: three numbers.
    """
    raise NotImplementedError


# %%
check("08.1", two_outputs)

# %% [markdown]
# ## Where it comes from: a parabola is known by three points
#
# Finding $m_2$ and $m_3$ by staring is hard. There is a road to them. Multiply two polynomials:
#
# $$(2 + 3x)\,(1 + 4x) = 2 + 11x + 12x^2$$
#
# Every coefficient times every other: four multiplications. Now look at **values** instead. The value
# of a product is the product of the values. And the result is a parabola: three values, at three places
# of our choice, say all about it. So multiply at $x = -1$, $0$ and $1$ only:

# %% tags=["drawing"]
x = np.linspace(-1.35, 1.35, 200)
at = np.array([-1, 0, 1])
curves = {
    "g(x) = 2 + 3x": (lambda x: 2 + 3 * x, SAME, "--", "s"),
    "h(x) = 1 + 4x": (lambda x: 1 + 4 * x, HUES[2], ":", "^"),
    "g(x) h(x)": (lambda x: (2 + 3 * x) * (1 + 4 * x), DIFFERENT, "-", "o"),
}
ax = axes(7, 3.6)
for name, (curve, colour, line, marker) in curves.items():
    ax.plot(x, curve(x), color=colour, linestyle=line, linewidth=1.8)
    ax.plot(at, curve(at), color=colour, linestyle="", marker=marker, markersize=8)
    ax.plot([], [], color=colour, linestyle=line, marker=marker, label=name)
ax.annotate("(-1) · (-3) = 3", (-1, 3), (8, 6), textcoords="offset points")
ax.annotate("2 · 1 = 2", (0, 2), (2, 10), textcoords="offset points", ha="right")
ax.annotate("5 · 5 = 25", (1, 25), (-10, 0), textcoords="offset points", ha="right")
ax.set(xlabel="x", ylabel="value", ylim=(-8, 37))
ax.legend(frameon=False, loc="upper left")
picture(
    ax,
    "Two straight lines and their product, a parabola. At -1, 0 and 1 the values of the lines are "
    "multiplied, which gives three points of the parabola, and three points are all that it takes "
    "to know it.",
)

# %% [markdown]
# Three multiplications, marked by circles, and from them the coefficients $s_0 + s_1 x + s_2 x^2$:
#
# - at 0 only $s_0$ is left: $s_0 = 2$;
# - the values at 1 and -1 are $s_0 \pm s_1 + s_2$. Half their sum is $s_0 + s_2 = 14$, so $s_2 = 12$;
# - half their difference is $s_1 = 11$.
#
# There are the halves of exercise 08.1. One more place is useful: **infinity**. For a huge $x$ only the
# highest power counts, and so 'the value at infinity' is the highest coefficient: $3 \cdot 4 = 12$.
#
# In general: $g$ has $r$ coefficients, $h$ has $m$, their product $n = m + r - 1$. It takes $n$ points
# and $n$ multiplications, instead of $r\,m$. Let $E_k$ be the matrix that turns $k$ coefficients into
# values, a row $(1, p, p^2, \ldots)$ for each point $p$. Then
#
# $$E_n\, s = (E_r\, g) \odot (E_m\, h) \qquad\text{so}\qquad
# s = E_n^{-1}\,[\,(E_r\, g) \odot (E_m\, h)\,]$$
#
# where $\odot$ multiplies number by number.
#
# ## From a product to a convolution: transpose
#
# A product of polynomials **spreads**: $g_i h_p$ is added to $s_{i+p}$. A convolution **gathers**: $y_p$ is
# the sum of all $g_i d_{p+i}$. They are each other's transpose. For $g = (1, 1, 2)$ and two outputs:

# %%
spread = np.array([[1, 0], [1, 1], [2, 1], [0, 2]])  # s = spread @ h: g, and g one further down
print("spreads, s = T h:\n", spread, "\ngathers, y = T^T d:\n", spread.T)
print("d = (1, 2, 3, 4) gives y =", spread.T @ [1, 2, 3, 4])

# %% [markdown]
# We know another way to write $T$: as $E_n^{-1}\,\mathrm{diag}(E_r g)\,E_m$, where $\mathrm{diag}$ lays a
# vector on the diagonal of a matrix. A product of matrices is
# transposed by transposing each and turning the order round:
#
# $$y = T^\top d = E_m^\top\,[\,(E_r\, g) \odot (E_n^{-\top} d)\,]$$
#
# ($E_n^{-\top}$ is the inverse, transposed.) That is all of Winograd's convolution. With the usual letters, $A = E_m$, $G = E_r$, $B = E_n^{-1}$:
#
# $$y = A^\top\,[\,(G\,g) \odot (B^\top d)\,]$$
#
# The library makes the three matrices from the points, in exact fractions. (It moves the divisions from
# $B$ into $G$. Filters are transformed once, photos again and again.)

# %%
a, b, g_matrix = winograd_matrices([0, 1, -1, INFINITY], taps=3)


def written(matrix):
    return "\n".join("".join(f"{value!s:>6}" for value in row) for row in matrix)


print(f"B^T:\n{written(b.T)}\nG:\n{written(g_matrix)}\nA^T:\n{written(a.T)}")

# %% [markdown]
# Read the second rows of $B^\top$ and $G$, those of the point 1: $(d_1 + d_2)$ and
# $(g_0 + g_1 + g_2)/2$. That is $m_2$, and the third rows are $m_3$. The first ones, of the point 0, are
# $m_1$ (with both signs turned round), the last ones, of infinity, $m_4$. On numbers, with $d = (1, 2, 3, 4)$
# and $g = (1, 1, 2)$:

# %%
seen, weights = b.T @ [1, 2, 3, 4], g_matrix @ [1, 1, 2]
print("B^T d:", *seen, "  G g:", *weights, "  products:", *(seen * weights))
print("y:", *(a.T @ (seen * weights)))

# %% tags=["claim"]
claim("9 and 13, as above", [*(a.T @ (seen * weights))] == [9, 13] == [*(spread.T @ [1, 2, 3, 4])])

# %% [markdown]
# 9 and 13, as above. This is called **F(2,3)**: two outputs, three taps.
#
# ## Two dimensions: a tile of a face
#
# A 3 x 3 filter is handled in tiles. A tile of $m \times m$ outputs sees $n \times n$ pixels, $n = m + 2$.
# We transform all columns, and then all rows of what came out:
#
# $$V = B^\top d\, B \qquad\quad U = G\, g\, G^\top \qquad\quad Y = A^\top\,[\,U \odot V\,]\,A$$
#
# With $m = 2$, on four by four grey levels at the rim of an iris, and a filter that answers where dark
# turns into bright, to the lower right:

# %%
photos = faces()
grey = photos.images[70, ..., 0].astype(int)
edge = np.array([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]])
top, left = 38, 28
d = grey[top : top + 4, left : left + 4]
V = b.T @ d @ b
U = g_matrix @ edge @ g_matrix.T
Y = a.T @ (U * V) @ a
by_definition, _ = conv_forward(d[None, :, :, None], edge[..., None, None], [0], Window.of(3))
print("the same as the convolution, exactly:", np.array_equal(Y, by_definition[0, ..., 0]))

# %% tags=["claim"]
claim("the same, exactly", np.array_equal(Y, by_definition[0, ..., 0]))
claim("63, 52, 104 and 87: V begins with 6", V[0, 0] == 6 == (104 - 87) - (63 - 52))
claim("they are in the picture", {63, 52, 104, 87} == {*d[[[0], [2]], [0, 2]].ravel().tolist()})

# %% tags=["drawing"]
figure = Figure(figsize=(10, 5.6), layout="constrained")
panels = figure.subplots(2, 4)
row, column = top - 12, left - 12
panels[0, 0].imshow(grey[row : row + 28, column : column + 28], cmap="gray")
for y in range(28):
    for x in range(28):
        if y % 2 == x % 2 == 1:
            frame = {"fill": False, "edgecolor": HUES[4], "linewidth": 0.5, "alpha": 0.7}
            panels[0, 0].add_patch(Rectangle((x - 0.5, y - 0.5), 2, 2, **frame))
frame = {"fill": False, "edgecolor": DIFFERENT, "linewidth": 2.5}
panels[0, 0].add_patch(Rectangle((11.5, 11.5), 4, 4, **frame))
panels[0, 0].set_xlabel(CREDIT, fontsize=7, color="0.4", loc="left")
tables = [
    (panels[0, 1], edge, "g: the filter"),
    (panels[0, 2], U, "U = G g Gᵀ"),
    (panels[0, 3], by_definition[0, ..., 0], "by the definition:\n4 · 9 multiplications"),
    (panels[1, 0], d, "d: what the tile sees"),
    (panels[1, 1], V, "V = Bᵀ d B"),
    (panels[1, 2], U * V, "U ⊙ V:\n16 multiplications"),
    (panels[1, 3], Y, "Y = Aᵀ [U ⊙ V] A"),
]
panels[0, 0].set_title("2 x 2 outputs see 4 x 4 pixels", fontsize=10)
for panel, table, title in tables:
    table = table.astype(float)
    grey_levels, most = panel is panels[1, 0], 1.6 * np.abs(table).max()
    if grey_levels:
        panel.imshow(table, cmap="gray", vmin=0, vmax=255)
    else:
        panel.imshow(table, cmap="PuOr", vmin=-most, vmax=most)
    for (i, j), value in np.ndenumerate(table):
        ink = "white" if grey_levels and value < 128 else "black"
        panel.text(j, i, f"{value:g}", ha="center", va="center", fontsize=9, color=ink)
    panel.set_title(title, fontsize=10)
for panel in panels.flat:
    panel.set(xticks=[], yticks=[])
picture(
    figure,
    "An eye with the tile of four by four pixels marked, and seven tables of numbers: filter and "
    "tile, both transformed, their product number by number, and the four outputs. The outputs "
    "from 16 multiplications are the same as those by the definition, from 36.",
)

# %% [markdown]
# Violet is positive, orange negative. Follow one number with a pencil, the upper left one of $V$:
# the point 0 makes 'third minus first' of each column, $63 - 52 = 11$ and $104 - 87 = 17$, and then of what
# came out, $17 - 11 = 6$. The tables on the right are the same, to the last
# digit, since fractions do not round. 16 multiplications instead of 36. (The zeros in $U$ come from
# this filter's symmetry; one that was learnt has none.)
#
# The thin frames are the outputs of the other tiles. Each sees two pixels more than it gives, so what
# neighbouring tiles see overlaps by two.
#
# ## Exercise 08.2
#
# Real layers have channels and filters. Each output $o$ is a sum over the channels $c$:
#
# $$Y_o = \sum_c A^\top [\,U_{co} \odot V_c\,]\, A = A^\top \Big[\, \sum_c U_{co} \odot V_c \Big] A$$
#
# $A$ can wait until the sum is done, as it is linear: a filter is transformed back once, and not once a
# channel. Write it for one tile. (`np.einsum` is a good tool: `np.einsum("in,ijc->njc", b, d)` is
# $B^\top d$ for all channels.)


# %% tags=["exercise"]
def tile_outputs(d, w, a, b, g):
    """The outputs of one tile: ndarray (m, m, O).

    d: what it sees, (n, n, C). w: the filters, (3, 3, C, O).
    a, b, g: the matrices A (n, m), B (n, n) and G (n, 3).
    """
    raise NotImplementedError


# %%
check("08.2", tile_outputs)

# %% [markdown]
# The sum over the channels is where the work is. At each of the $n^2$ points it is a matrix product:
# all tiles of all photos, (tiles, $C$), times the filters, ($C$, $O$). So the library transforms, multiplies
# $n^2$ pairs of matrices, and transforms back. That, and padding, and tiles that do not fit at the edge,
# is `Conv2D(..., algorithm="winograd")` with tiles of 4 x 4, and `"winograd2"` with 2 x 2. On all of the
# face, in float32, against the reference:

# %%
face = photos.images[70].astype(np.float32) / 127.5 - 1
answers = {}
for name in ("im2col", "winograd2", "winograd"):
    layer = Conv2D(1, 16, 3, np.random.default_rng(0), pad=1, algorithm=name)
    answers[name] = layer.forward(face[None])
    expected, _ = conv_forward(face[None], layer.weight.data, layer.bias.data, layer.window)
    close = np.abs(answers[name] - expected).max() < 1e-5 * np.abs(expected).max()
    print(f"{name:10} {answers[name].shape}  the reference to five digits: {close}")

# %% tags=["claim"]
claim("to five digits", close)

# %% [markdown]
# Why to five digits, and not to the last? We come to that.
#
# ## How many are left?
#
# A tile of $m \times m$ outputs takes $(m + 2)^2$ multiplications:

# %%
for m in (1, 2, 4, 6, 8):
    by_tile, direct = (m + 2) ** 2, 9 * m * m
    print(f"F({m}x{m},3x3): {by_tile:4} instead of {direct:3}, {by_tile / m**2:5.2f} an output")

# %% [markdown]
# From nine to four to two and a quarter; the limit for huge tiles is one. (A tile of one output is the
# convolution itself.) The paper's NN1, with the tiles that the library takes there:

# %%
table1 = {  # outputs along a side, channels, filters
    "conv2": (55, 64, 192),
    "conv3": (28, 192, 384),
    "conv4": (14, 384, 256),
    "conv5": (14, 256, 256),
    "conv6": (14, 256, 256),
}
sums = np.zeros(2)
print("row     outputs        by definition   tile   Winograd   times fewer")
for name, (size, channels, filters) in table1.items():
    m = fastest_tile(Window.of(3, pad=1), channels, (1, size, size, filters))
    direct = 9 * size**2 * channels * filters
    fewer = (m + 2) ** 2 * (-(-size // m)) ** 2 * channels * filters
    sums += direct, fewer
    print(
        f"{name}   {f'{size}x{size}x{filters}':10}  {direct / 1e6:10.0f} M    "
        f"{m}x{m}  {fewer / 1e6:6.0f} M   {direct / fewer:8.2f}"
    )
sums /= 1e6
print(f"{'all':18}  {sums[0]:10.0f} M         {sums[1]:6.0f} M   {sums[0] / sums[1]:8.2f}")
print(f"{sums[0] - sums[1]:.0f} M fewer")

# %% tags=["claim"]
claim("more than three quarters of the network's work, 1,608 million", sums[0] > 0.75 * 1608)

# %% [markdown]
# These five rows are 1,259 of the network's 1,608 million multiply-adds, and 911 of them go. Fourteen
# is not a multiple of four: there the tiles at the edge compute outputs that nobody wants.
#
# Now the additions. Going to the points takes $2 n^3$ steps a channel (a product with $B$, twice), coming
# back $m n^2 + m^2 n$ a filter. The products take $n^2\, C\, O$. For tiles of 4 x 4:

# %%
for channels, filters in ((1, 1), (3, 64), (16, 32), (64, 192), (192, 384)):
    transforms = 2 * 6**3 * channels + (4 * 6**2 + 4**2 * 6) * filters
    products = 6**2 * channels * filters
    print(
        f"{channels:3} channels, {filters:3} filters: transforms take "
        f"{transforms / products:5.2f} times the products"
    )

# %% [markdown]
# In a wide layer they are small change. With few channels they cost more than they save, so there
# the library stays with im2col. And if there are few tiles, what takes time is fetching $U$, which larger
# tiles have more of: as long as multiplying `FETCH`, five, tiles by it. The rule, from measurements:

# %%
print(inspect.getsource(fastest_tile))

# %% [markdown]
# ## The price: digits
#
# Why not tiles of 8 x 8? The points. A tile of 2 x 2 needs four of them, one of 4 x 4 six, one of 6 x 6
# eight. On the way back $A$ multiplies by their powers. At the point 2, in a tile of 4 x 4, that is up to
# $2^3 = 8$, and 64 for columns and rows together; at the point 3, in a tile of 6 x 6, $3^5 = 243$ and
# $243^2 = 59{,}049$. Large numbers are added up whose sum is small. A float32 has seven digits, and those that cancel
# are lost.
#
# So choose points with small powers. Zero, $\pm 1$ and infinity are harmless. But what comes next,
# $\pm 2$? The inverses, $\pm 1/2$, are no better: the closer two points are, the harder are their values
# to tell apart, and $G$ divides by the differences. The library takes $\pm 3/4$ and $\pm 5/4$, near 1 on
# either side, and leaves out 1 itself. Live, in NumPy: 64 channels, 200 tiles of
# random numbers, everything in float32, against float64. Guess first: how many digits does each step to a
# larger tile cost?


# %%
def transformed(matrix, values):
    """M x M^T over the first two axes, in the dtype of `values`."""
    matrix = matrix.astype(values.dtype)
    for _ in range(2):
        values = (matrix[:, :, None, None, None] * values[None]).sum(axis=1).swapaxes(0, 1)
    return values


def summed_up(d, w, m):
    """A tile's outputs by the definition, in the dtype of d and w."""
    return sum(w[i, j] * d[i : i + m, j : j + m] for i in range(3) for j in range(3)).sum(axis=2)


def float32_error(points):
    """Error of the worst of a tile's outputs, relative to their size; None: of the definition."""
    rng = np.random.default_rng(0)
    n = 4 if points is None else len(points)
    d = rng.standard_normal((n, n, 64, 200), np.float32)
    w = rng.standard_normal((3, 3, 64, 1), np.float32)
    exact = summed_up(d.astype(float), w.astype(float), n - 2)
    if points is None:
        got = summed_up(d, w, n - 2)
    else:
        a, b, g = winograd_matrices(points)
        summed = (transformed(g, w) * transformed(b.T, d)).sum(axis=2, keepdims=True)
        got = transformed(a.T, summed)[:, :, 0]
    mean_square = np.square(got - exact).mean(axis=2)  # over the tiles, for each of m x m outputs
    return np.sqrt(mean_square.max() / np.square(exact).mean())


def plus_minus(*values):
    return [0, *(sign * Fraction(value) for value in values for sign in (1, -1)), INFINITY]


choices = {
    "the definition": None,
    "0, ±1": plus_minus(1),
    "0, ±1, ±2": plus_minus(1, 2),
    "0, ±1, ±1/2": plus_minus(1, "1/2"),
    "0, ±3/4, ±5/4": plus_minus("3/4", "5/4"),
    "0, ±1, ±2, ±3": plus_minus(1, 2, 3),
    "0, ±1, ±2, ±1/2": plus_minus(1, 2, "1/2"),
}
assert choices["0, ±3/4, ±5/4"] == list(POINTS[4])  # those of the library
errors = {name: float32_error(points) for name, points in choices.items()}
for name, error in errors.items():
    m = len(choices[name]) - 2 if choices[name] else 1
    print(f"{m} x {m}  {name:18} {error:.1e}")

# %% tags=["drawing"]
count_panel, error_panel = axes(9.5, 3.9, columns=2)[0]
sizes = np.arange(1, 9)
count_panel.plot(sizes, (sizes + 2) ** 2 / sizes**2, color=HUES[7], marker="o")
for m in (1, 2, 4, 6):
    count_panel.annotate(
        f"{(m + 2) ** 2 / m**2:.3g}", (m, (m + 2) ** 2 / m**2), (6, 6), textcoords="offset points"
    )
count_panel.set(
    xlabel="m, outputs along a tile's side", ylabel="multiplications an output", ylim=(0, 10)
)
count_panel.set_title("what is saved ...", loc="left", fontsize=10)
for name, error in errors.items():
    m = len(choices[name]) - 2 if choices[name] else 1
    ours = name in ("0, ±1", "0, ±3/4, ±5/4")
    style = {"color": SAME, "marker": "o"} if ours else {"color": DIFFERENT, "marker": "s"}
    if m == 1:
        style = {"color": HUES[7], "marker": "D"}
    error_panel.semilogy(m, error, linestyle="", markersize=8, **style)
    below = {"0, ±1, ±2": -9, "0, ±3/4, ±5/4": -9, "the definition": -13}
    error_panel.annotate(
        name, (m, error), (8, below.get(name, 3)), textcoords="offset points", fontsize=9
    )
error_panel.set(
    xlabel="m, outputs along a tile's side", ylabel="relative error, float32", xlim=(0.5, 8.9),
    ylim=(5e-8, 4e-3), xticks=range(1, 9),
)  # fmt: skip
error_panel.set_title(
    "... and what it costs (by points; circles: the library's)", loc="left", fontsize=10
)
picture(
    count_panel,
    "Left: multiplications for an output against the side of a tile, from nine down; most is "
    "saved by tiles of two and four. Right: the error in float32 for several choices of points, "
    "which rises by a digit or two from step to step; the library's points lie lowest at their "
    "size.",
)

# %% tags=["claim"]
claim("2 x 2 is nearly free", errors["0, ±1"] < 3 * errors["the definition"])
claim("±2 costs a digit", 8 < errors["0, ±1, ±2"] / errors["0, ±1"] < 30)
claim("±1/2 is no better than ±2", errors["0, ±1, ±1/2"] > 0.7 * errors["0, ±1, ±2"])
claim(
    "the library's points: an error a third as large",
    errors["0, ±3/4, ±5/4"] < 0.45 * errors["0, ±1, ±2"],
)
claim("6 x 6: much to lose", errors["0, ±1, ±2, ±3"] > 50 * errors["0, ±1, ±2"])
claim("6 x 6 with the better points", errors["0, ±1, ±2, ±1/2"] > 3 * errors["0, ±3/4, ±5/4"])
claim("the library's errors are in the sixth digit", errors["0, ±3/4, ±5/4"] < 5e-6)

# %% [markdown]
# The first step, to tiles of 2 x 2, saves more than half, and is nearly free. The next one, to 4 x 4, saves
# nearly half of the rest. With the points $\pm 1$ and $\pm 2$ it costs a digit; with the library's points the
# error is a third of that. After that there is little to save and much to lose.
#
# Is one digit too much? The paper's thresholds are distances of about one, and an error in the sixth digit
# moves nobody across. Gradients are averages over a few photos, and the next batch gives quite
# different ones. But the check of a gradient (lesson 02) would see it; it runs in float64.
#
# ## What does it bring?
#
# The paper's conv3, 28 x 28 pixels, 192 channels, 384 filters; two photos, one thread. The filters are
# transformed beforehand, as they stay the same for all photos:

# %%
conv3 = {
    name: Conv2D(192, 384, 3, np.random.default_rng(0), pad=1, algorithm=name)
    for name in ("im2col", "winograd2", "winograd")
}
x = np.random.default_rng(1).standard_normal((2, 28, 28, 192), np.float32)


def seconds(works, rounds=15):
    """Processor time of each work: medians of runs in turn, after first ones that do not count."""
    times = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            start = time.thread_time()
            work()
            if turn:
                times[name].append(time.thread_time() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


with one_thread():
    cost = seconds({name: lambda layer=layer: layer.forward(x) for name, layer in conv3.items()})
print("times as fast as im2col, in whole numbers:")
for name in ("winograd2", "winograd"):
    print(f"{name:10} {cost['im2col'] / cost[name]:.0f}")

# %% [markdown]
# (Your machine will give other figures.) With tiles of 4 x 4 there are four times fewer multiplications, but
# do not expect four times the speed: the transforms take their share, and thirty-six small matrix products
# run less well than a large one. And beside PyTorch, if you have it:


# %%
def beside_pytorch():
    """Our three against PyTorch's convolution, on one thread, with the same weights."""
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed here; `minifacenet bench --against torch` says how.")
        return
    torch.set_num_threads(1)
    weight = torch.from_numpy(conv3["im2col"].weight.data.copy()).permute(3, 2, 0, 1)
    pixels = torch.from_numpy(x).permute(0, 3, 1, 2)
    works = {name: lambda layer=layer: layer.forward(x) for name, layer in conv3.items()}
    for name in ("contiguous_format", "channels_last"):  # its two memory layouts
        layout = getattr(torch, name)
        pair = pixels.contiguous(memory_format=layout), weight.contiguous(memory_format=layout)
        works[name] = lambda pair=pair: torch.nn.functional.conv2d(*pair, padding=1)
    with one_thread(), torch.inference_mode():
        cost = seconds(works)
    theirs = min(cost["contiguous_format"], cost["channels_last"])
    for name in conv3:
        print(f"{name:10} takes {cost[name] / theirs:.1f} times as long as PyTorch")


beside_pytorch()

# %% [markdown]
# `minifacenet bench --against torch --threads 1` does so for every row of NN1, forward and backward.
#
# Backward is Winograd, too. Every step is linear, so each is undone by its transpose, from the last to the
# first: $\mathrm{d}M = A\,\mathrm{d}Y A^\top$, then $\mathrm{d}V = \mathrm{d}M\,U^\top$ and
# $\mathrm{d}U = V^\top \mathrm{d}M$ at each point, then $\mathrm{d}X = B\,\mathrm{d}V B^\top$ and
# $\mathrm{d}w = G^\top \mathrm{d}U\, G$. Nothing new has to be derived.
#
# **Try next.** Look for better points for tiles of 6 x 6: `float32_error(plus_minus("1/2", "1", "3/2"))`, and so
# on. Can you beat all of the above? Then try filters of five taps, which no row of NN1 has but the
# paper's Inception networks do: `winograd_matrices(plus_minus(1, 2), taps=5)`. How many multiplications
# an output does a tile take there, instead of 25?
