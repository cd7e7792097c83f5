# %% [markdown]
# # 07 · CUDA: threads, tiles, memory
#
# **A GPU has ten thousand threads and one memory. Who computes what, and why do they mostly wait?**
#
# A kernel for a GPU is written for **one** thread, and started for thousands. This lesson shows how a thread
# learns which output is its own, and then how a matrix product, the heart of a network, becomes fast: not by
# computing less, but by **fetching** less. The same multiply-adds, with a sixteenth and then a
# sixty-fourth of the memory reads, and you count them.
#
# You need no GPU: Numba has a simulator, which runs CUDA kernels on the CPU, slowly. With a GPU the same
# cells run there. An hour, with its seven exercises. From the paper: nothing; it trained on a cluster of CPUs (section 3).
# In the library: `minifacenet/nn/products/matmul_cuda.py` and `backend.py`.
#
# Numba decides between GPU and simulator once, **when it is imported**, by an environment variable. So the
# first cell comes before all imports: it tries a small kernel in a process of its own, and takes the simulator
# if that fails.

# %%
import os
import subprocess
import sys

probe = """
import numpy as np
from minifacenet.nn.device.backend import fill, to_device
fill(to_device(np.ones(4, np.float32), "cuda"), 0)
"""
if subprocess.run([sys.executable, "-c", probe], capture_output=True).returncode != 0:
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"
os.environ["NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS"] = "0"  # our grids are tiny, and so they should be

# %%
import inspect

import numba
import numpy as np
from exercises import check, hint, solution
from exercises.core import Wrong, say
from exercises.simulator import launch
from matplotlib.patches import Rectangle
from numba import cuda
from show import CREDIT, axes, faces, picture
from threads import show_threads

from minifacenet.nn.products import matmul_cuda
from minifacenet.plots.style import DIFFERENT, HUES, SAME

if numba.config.ENABLE_CUDASIM:
    print("Simulated: the kernels of this lesson run in Numba's simulator, on the CPU.")
else:
    print("On a GPU:", cuda.get_current_device().name)

# %% [markdown]
# ## A grid of blocks of threads
#
# A launch names two sizes: how many **threads a block** has, and how many **blocks** the grid. Each thread
# runs the same function, and asks where it stands:
#
# $$\text{column} = \text{blockIdx.x} \cdot \text{blockDim.x} + \text{threadIdx.x} \qquad
# \text{row} = \text{blockIdx.y} \cdot \text{blockDim.y} + \text{threadIdx.y}$$
#
# `cuda.grid(2)` is these two sums. Note the order: **x comes first and runs along a row**, so it is the
# column; arrays are indexed `[row, column]`. The blocks have to cover the matrix, so they are rounded up, and
# some threads find themselves outside. They must not write: the **guard**. How many blocks of 4 x 4 threads do
# 5 x 7 outputs need, and how many threads have nothing to do?


# %%
@cuda.jit
def who_am_i(block, thread):
    column, row = cuda.grid(2)
    if row < block.shape[0] and column < block.shape[1]:  # the guard
        block[row, column] = cuda.blockIdx.y * cuda.gridDim.x + cuda.blockIdx.x
        thread[row, column] = cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x


rows, columns, side = 5, 7, 4
grid = (-(-columns // side), -(-rows // side))  # rounded up; (x, y), too
block = cuda.to_device(np.full((rows, columns), -1, np.int32))
thread = cuda.to_device(np.full((rows, columns), -1, np.int32))
who_am_i[grid, (side, side)](block, thread)
block, thread = block.copy_to_host(), thread.copy_to_host()
print(f"{grid[0] * grid[1] * side * side} threads for {rows * columns} outputs")
print(block)

# %% [markdown]
# The same with a face of 40 x 40 pixels and blocks of 16 x 16. The kernel is the first thing that happens to
# a photo here: pixels 0 to 255 become numbers from -1 to 1.


# %%
@cuda.jit
def to_network_input(pixels, out):
    column, row = cuda.grid(2)
    if row < out.shape[0] and column < out.shape[1]:
        out[row, column] = pixels[row, column] / np.float32(127.5) - np.float32(1)


face = np.ascontiguousarray(faces(size=40).images[0, :, :, 0])
scaled = cuda.to_device(np.zeros((40, 40), np.float32))
to_network_input[(3, 3), (16, 16)](cuda.to_device(face), scaled)
scaled = scaled.copy_to_host()
assert np.allclose(scaled, face / 127.5 - 1, atol=1e-6)


# %% tags=["drawing"]
def show_blocks(ax, grid, side, shape):
    """The borders of the blocks, and the threads that have nothing to do."""
    height, width = grid[1] * side, grid[0] * side
    idle = {"facecolor": "0.93", "edgecolor": "0.7", "hatch": "///", "linewidth": 0, "zorder": 0}
    ax.add_patch(Rectangle((-0.5, shape[0] - 0.5), width, height - shape[0], **idle))
    ax.add_patch(Rectangle((shape[1] - 0.5, -0.5), width - shape[1], shape[0], **idle))
    for x in range(0, width + 1, side):
        ax.plot([x - 0.5] * 2, [-0.5, height - 0.5], color="black", linewidth=1.5)
    for y in range(0, height + 1, side):
        ax.plot([-0.5, width - 0.5], [y - 0.5] * 2, color="black", linewidth=1.5)
    ax.set(xlim=(-0.7, width - 0.3), ylim=(height - 0.3, -0.7), aspect="equal")
    ax.set(xlabel="column (x)", ylabel="row (y)")
    ax.grid(False)


left, right = axes(9, 4.2, columns=2)[0]
for (row, column), number in np.ndenumerate(block):
    left.add_patch(
        Rectangle((column - 0.5, row - 0.5), 1, 1, color=HUES[number], alpha=0.35, linewidth=0)
    )
    y, x = divmod(thread[row, column], side)
    left.text(column, row, f"{x},{y}", ha="center", va="center", fontsize=9)
show_blocks(left, grid, side, (rows, columns))
left.set(xticks=range(8), yticks=range(8))
left.set_title("2 x 2 blocks of 4 x 4 threads, 5 x 7 outputs", loc="left", fontsize=10)
right.imshow(scaled, cmap="gray")
show_blocks(right, (3, 3), 16, face.shape)
right.set(xticks=(0, 16, 32), yticks=(0, 16, 32))
right.set_title("3 x 3 blocks of 16 x 16, 40 x 40 pixels", loc="left", fontsize=10)
picture(
    left,
    "Left: a grid of 5 by 7 outputs, covered by four blocks of 4 by 4 threads in four colours, "
    "each cell with the x and y of its thread. Right: a face of 40 by 40 pixels under nine blocks "
    "of 16 by 16. In both, threads beyond the edge are hatched: they have nothing to do.",
)

# %%
print(CREDIT)

# %% [markdown]
# In each cell on the left: `threadIdx.x,threadIdx.y` of the thread that owns it; a colour for each block.
# Hatched: threads that the guard sends home. Every output has **one** owner, so nothing races (lesson 06's
# rule comes for free here).
#
# ## Exercise 07.1
#
# The other way round: which thread of which block computes `out[row, column]`?


# %% tags=["exercise"]
def owner(row, column, side):
    """The block (x, y), and the thread in it (x, y): two pairs. A block has side x side threads."""
    raise NotImplementedError


# %%
check("07.1", owner)

# %% [markdown]
# ## Puzzles: what does one thread do?
#
# Before the large product come five small kernels. You write each for **one** thread. Do not decorate them: the
# checks run them in a simulator of our own, `launch` in `lessons/exercises/simulator.py`, which is plain Python.
# *One thread at a time runs until it ends or comes to a barrier; then the next one.* And its arrays remember who
# touched which number (lesson 06). So a race, an index outside of an array and a thread that misses a barrier
# are told by name, and reads are counted. A GPU by itself says nothing of the kind.
#
# It can draw what it has seen. Here each thread adds two neighbours. Eight threads in two blocks, seven numbers:
# how many sums are there, how many threads have nothing to do, and how often is a number of `x` read?

# %%
float32 = numba.float32
BLOCK, TILE = 8, 4  # constants, since the size of a shared array has to be known to the compiler


def neighbours(x, out):
    i = cuda.grid(1)
    if i < out.shape[0]:
        out[i] = x[i] + x[i + 1]


def line(*numbers):
    """An array of float32; a line of NaN, which is drawn as nothing, is memory that holds no result."""
    return np.array(numbers, np.float32)


empty = float("nan")
pairs = {"x": line(3, 1, 4, 1, 5, 9, 2), "out": line(*[empty] * 6)}

# %% tags=["drawing"]
picture(
    show_threads(neighbours, 2, 4, pairs),
    "Seven numbers, eight threads in two blocks, and six sums. From each of the first six threads a line goes "
    "to its own number and one to the next, so the numbers in the middle are read twice; the last two threads "
    "are hatched, as they have nothing to do.",
)

# %% tags=["claim"]
from show import claim

claim("twice, but for the first and the last", launch(neighbours, (2, 1), (4, 1), pairs)["x"] == 12)
claim("the sums are right", pairs["out"].tolist() == [4, 5, 5, 6, 14, 11])

# %% [markdown]
# From above: what a thread reads; downwards: what it writes. A colour for each block. To see what a kernel of
# yours does, `picture(show_threads(yours, 2, 4, {"x": ..., "out": ...}), "What my own kernel does.")`; if the
# simulator finds a fault, the drawing ends there and says so.
#
# ## Exercise 07.2
#
# Brighten a row of pixels: to each number of `x` add 10. There are blocks of 4 threads, as many as it takes to cover
# the row, so there may be more threads than pixels.


# %% tags=["exercise"]
def brighten(x, out):
    """out[i] = x[i] + 10, written for one thread. x, out: (n,), float32."""
    raise NotImplementedError


# %%
check("07.2", brighten)

# %% [markdown]
# ## Exercise 07.3
#
# Turn a picture round, left to right, as `Augmentation` does with faces: the last pixel of a row becomes the first.
# The blocks have 4 x 4 threads. Which of the two numbers of `cuda.grid(2)` belongs to a row? And who reads what?


# %% tags=["exercise"]
def mirror(image, out):
    """out: the image, mirrored left to right. image, out: (rows, columns), float32."""
    raise NotImplementedError


# %%
check("07.3", mirror)

# %% [markdown]
# ## Memory is a line
#
# An array of two axes lies in memory row after row. Three threads, each of which reads the first and the last
# number of its row; there are five columns. Before you look: how far apart is what they read at the same moment?


# %%
def both_ends(a, out):
    row = cuda.grid(1)
    if row < a.shape[0]:
        out[row] = a[row, 0] + a[row, a.shape[1] - 1]


table = np.arange(15, dtype=np.float32).reshape(3, 5)

# %% tags=["drawing"]
picture(
    show_threads(both_ends, 1, 4, {"a": table, "out": line(*[empty] * 3)}),
    "Fifteen numbers in a line, a table of three rows of five. Each of three threads reads two of them, five "
    "places away from what the next thread reads; the fourth thread is hatched.",
)

# %% [markdown]
# A row apart. The chip fetches neighbours in memory together, so it would rather have neighbouring threads read
# neighbouring numbers. (The last table of this lesson says what that costs.)
#
# ## Exercise 07.4
#
# The sum of each row, with **one thread for each row**, in blocks of 4. `out` holds no zeros to begin with. And it
# is global memory, far away; a variable of the thread is a register, as near as it gets. Who races with whom?


# %% tags=["exercise"]
def row_sums(a, out):
    """out[row] = the sum of a[row], written for one thread. a: (m, n), out: (m,), float32."""
    raise NotImplementedError


# %%
check("07.4", row_sums)

# %% [markdown]
# ## Shared memory, and a barrier
#
# One thread for each row leaves the others idle if there are few rows. Can several threads work on one sum? They
# have to tell each other something. The threads of a block have a small memory in common, **shared memory**, near
# and fast. `cuda.shared.array(8, float32)` gives each *block* an array of its own, and all threads of the block
# the same one. It begins with whatever was there.
#
# Here each thread of a block puts its number there, and takes that of the thread opposite. When may it take it?
# Not before the other one has put it there. `cuda.syncthreads()` is the **barrier**: each thread of the block waits
# there until all of them have come. There is none for the whole grid, and blocks run in any order.


# %%
def mirrored(x, out):
    tile = cuda.shared.array(TILE, float32)
    t = cuda.threadIdx.x
    tile[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    out[cuda.grid(1)] = tile[TILE - 1 - t]


eight = {"x": line(1, 2, 3, 4, 5, 6, 7, 8), "out": line(*[empty] * 8)}

# %% tags=["drawing"]
picture(
    show_threads(mirrored, 2, 4, eight),
    "Eight numbers go straight down to eight threads in two blocks and on into shared memory, a part for each "
    "block. From there, behind the barrier, the lines cross within each block: thread 0 takes what thread 3 has "
    "brought. No line leads from one block to the other.",
)

# %%
print(eight["out"])


def without_barrier(x, out):
    tile = cuda.shared.array(TILE, float32)
    t = cuda.threadIdx.x
    tile[t] = x[cuda.grid(1)]
    out[cuda.grid(1)] = tile[TILE - 1 - t]


try:
    launch(without_barrier, (2, 1), (4, 1), eight)
except Wrong as wrong:
    say(str(wrong))

# %% tags=["claim"]
claim("turned round within each block", eight["out"][:4].tolist() != [1, 2, 3, 4])

# %% [markdown]
# Each block is turned round on its own, since no block sees another's shared memory. Without the barrier it is a
# race, and the simulator says which.
#
# ## Exercise 07.5
#
# The sum of the numbers of each block of 8: `out[b]` is that of `x[8 * b]` to `x[8 * b + 7]`, as far as there are
# any. **Every thread fetches one number**, and after the barrier somebody adds up. `n` may be no multiple of 8:
# what does a thread beyond the end bring? (And may it go home before the barrier?)


# %% tags=["exercise"]
def block_sums(x, out):
    """out[b] = the sum of block b's numbers. x: (n,), out: (blocks,), float32; BLOCK threads each."""
    raise NotImplementedError


# %%
check("07.5", block_sums)

# %% [markdown]
# ## A window over a line
#
# A convolution in one dimension, with three weights: each output needs its own number and both neighbours, and
# beyond the ends there are zeros. Written down as it is, with two blocks of eight threads and weights of 1:


# %%
def three_each(x, out):
    i, n = cuda.grid(1), x.shape[0]
    if i < n:
        total = x[i]
        if i > 0:
            total += x[i - 1]
        if i < n - 1:
            total += x[i + 1]
        out[i] = total


sixteen = {"x": np.arange(16, dtype=np.float32), "out": line(*[empty] * 16)}

# %% tags=["drawing"]
picture(
    show_threads(three_each, 2, 8, sixteen),
    "Sixteen numbers, two blocks of eight threads, and three lines up from each thread, to its own number and to "
    "both neighbours. Nearly every number is read three times; the two numbers where the blocks meet are read by "
    "both blocks.",
)

# %% tags=["claim"]
claim("46 reads", launch(three_each, (2, 1), (8, 1), sixteen)["x"] == 46)
claim("18 would do", 46 == 3 * 16 - 2 and 2 * (BLOCK + 1) == 18)

# %% [markdown]
# That is 46 reads of 16 numbers. With shared memory a block fetches each number once. Which ones does it need? Its
# own eight, and one more on either side that belongs to the neighbour: the **halo**. (Here, at the ends, there is
# only one neighbour each.) How many reads are left?
#
# ## Exercise 07.6
#
# The same with weights `w`, from shared memory, with blocks of 8 threads:
# `out[i] = w[0] * x[i - 1] + w[1] * x[i] + w[2] * x[i + 1]`. The block has 8 threads and needs up to 10 numbers: who
# brings the other two? It takes 18 reads of `x` for the sixteen numbers above.


# %% tags=["exercise"]
def smooth(x, w, out):
    """Three weights over x, 0 beyond its ends. x, out: (n,), w: (3,), float32; BLOCK threads each."""
    raise NotImplementedError


# %%
check("07.6", smooth)

# %% [markdown]
# ## The matrix product, naive
#
# $C = A B$ with $A$ of shape $(m, k)$ and $B$ of shape $(k, n)$. A thread owns one output, and sums over $k$.
# This is the library's first step (`transpose_a` and `transpose_b` read a factor the other way round,
# `accumulate` adds to what is there):

# %%
print(inspect.getsource(matmul_cuda._naive_grid.function))

# %% [markdown]
# It is right, and it is slow. A multiply-add takes a few cycles at most; a number from **global memory**,
# where arrays live, takes hundreds. This kernel reads two for each multiply-add:
#
# $$\text{naive:} \quad 2\, m\, n\, k \text{ numbers}$$
#
# Yet there are only $m k + k n$ numbers in $A$ and $B$. Each number of $A$ is fetched by $n$ threads, one
# after another, and forgotten.
#
# ## Tiled: fetch together
#
# A block of $T \times T$ threads needs $T$ rows of $A$ and $T$ columns of $B$. So go along $k$ in slices of $T$; in each slice
#
# 1. every thread fetches *one* number of $A$ and *one* of $B$ into two shared tiles,
# 2. **barrier**: all wait until the tiles are complete,
# 3. every thread multiplies $T$ pairs from the tiles,
# 4. **barrier**: all wait until nobody reads them any more. Then the next slice.
#
# A number that came from far away is used $T$ times. In all
#
# $$\text{tiled:} \quad \frac{m}{T} \cdot \frac{n}{T} \text{ blocks} \cdot 2\, T k = \frac{2\, m\, n\, k}{T}
# \text{ numbers}$$
#
# Two rules, which every exercise in CUDA is about:
#
# - **All threads of the block come to every barrier**, those outside of the matrix too. So no early
#   `return`, and no barrier inside of an `if`. The guard is around the reads and the write instead.
# - **Where a tile reaches beyond its matrix it gets a 0**, which adds nothing to any sum.
#
# ## Exercise 07.7
#
# A tiled matrix product for **any** shape, with tiles of 4 x 4. It is started with blocks of 4 x 4 threads, as
# many as cover `out`. You need `cuda.grid(2)`, `cuda.threadIdx`, `cuda.shared.array((TILE, TILE), float32)`
# and `cuda.syncthreads()`. All of it has been in one of the puzzles: the guard, the map, the loop, the zeros
# beyond the edge, the barrier.


# %% tags=["exercise"]
def tiled_matmul(a, b, out):
    """out = a @ b, written for one thread. a: (m, k), b: (k, n), out: (m, n), all float32."""
    raise NotImplementedError


# %%
check("07.7", tiled_matmul)

# %% [markdown]
# This is the library's, with its switches for transposed factors:

# %%
print(inspect.getsource(matmul_cuda._tiled_grid.function).split('"""')[-1])

# %% [markdown]
# ## Register-blocked: use what is near more often
#
# Now each multiply-add reads two numbers from *shared* memory, and that is the next thing to wait for. So let
# a thread own $8 \times 8$ outputs. Eight numbers of $A$ and eight of $B$, read into **registers**, give 64
# products: $16/64 = 1/4$ shared read for each. And 64 threads now cover a tile of $T = 64$, so global memory is
# read $2mnk/64$ times.
#
# All three are in the library, and give what NumPy gives, on matrices that fit no tile:

# %%
rng = np.random.default_rng(7)
a = rng.standard_normal((18, 21), dtype=np.float32)
b = rng.standard_normal((21, 19), dtype=np.float32)
for product in (matmul_cuda.matmul_naive, matmul_cuda.matmul_tiled, matmul_cuda.matmul_blocked):
    out = cuda.device_array((18, 19), np.float32)
    product(cuda.to_device(a), cuda.to_device(b), False, False, False, out)
    print(f"{product.__name__:15} right:", np.allclose(out.copy_to_host(), a @ b, atol=1e-4))

# %% [markdown]
# ## Count them
#
# The simulator of the puzzles runs the very kernels of the library, too, here on $m = n = 128$, $k = 8$:

# %%
m, n, k = 128, 128, 8
a = rng.integers(-9, 10, (m, k)).astype(np.float32)
b = rng.integers(-9, 10, (k, n)).astype(np.float32)
out = np.zeros((m, n), np.float32)
flags = {"transpose_a": False, "transpose_b": False, "accumulate": False}
plain = {"a": a, "b": b, **flags, "out": out}
# The last one takes flat matrices, and could cut k into parts, each with sums of its own.
blocked = {"a": a.ravel(), "b": b.ravel(), "depth": k, **flags, "span": k, "sums": out[None]}
steps = {  # kernel, arguments, grid, threads in a block, tile
    "naive": (matmul_cuda._naive_grid, plain, (8, 8), (16, 16), 1),
    "tiled": (matmul_cuda._tiled_grid, plain, (8, 8), (16, 16), matmul_cuda.SIDE_TILED),
    "register-blocked": (matmul_cuda._blocked_grid, blocked, (4, 1), (64, 1), matmul_cuda.TILE),
}
counted = {}
for name, (kernel, arguments, grid, threads, tile) in steps.items():
    out.fill(np.nan)
    reads = launch(kernel, grid, threads, arguments)
    assert np.array_equal(out, a @ b)
    counted[name] = reads["a"] + reads["b"]
    print(f"{name:17}{counted[name]:8,} reads, by the formula {2 * m * n * k // tile:8,}")
counted["the least possible"] = m * k + k * n
print(f"{'each number once':17}{m * k + k * n:8,}")

# %% tags=["claim"]
claim("131,072 multiply-adds", m * n * k == 131_072)
claim("a sixteenth", counted["naive"] == 16 * counted["tiled"])
claim("a sixty-fourth", counted["naive"] == 64 * counted["register-blocked"])
claim("each number is still read by two blocks", counted["register-blocked"] == 2 * (m * k + k * n))

# %% tags=["drawing"]
left, right = axes(9, 3.6, columns=2)[0]
deep = 40  # drawn deeper than 8, to be seen
for (x, y), width, height, name in (
    ((0, 0), deep, 128, "A"),
    ((deep + 8, -deep - 8), 128, deep, "B"),
    ((deep + 8, 0), 128, 128, "C"),
):
    left.add_patch(Rectangle((x, y), width, height, facecolor="0.93", edgecolor="0.5"))
    left.text(x + width - 4, y + height - 4, name, ha="right", va="bottom", fontsize=12)
top, across, size = 32, 64, 16
for (x, y), width, height, colour, alpha in (
    ((0, top), deep, size, SAME, 0.3),
    ((deep + 8 + across, -deep - 8), size, deep, DIFFERENT, 0.3),
    ((deep + 8 + across, top), size, size, HUES[2], 1.0),
    ((16, top), size, size, SAME, 1.0),
    ((deep + 8 + across, -deep + 8), size, size, DIFFERENT, 1.0),
):
    left.add_patch(Rectangle((x, y), width, height, color=colour, alpha=alpha, linewidth=0))
left.annotate(
    "slice", (24, top + size), (24, top + 44), ha="center", arrowprops={"arrowstyle": "->"}
)
left.annotate("one block", (deep + 16 + across, top + size), (deep + 16 + across, top + 44),
              ha="center", arrowprops={"arrowstyle": "->"})  # fmt: skip
left.set(xlim=(-2, 180), ylim=(132, -52), aspect="equal", xticks=[], yticks=[])
left.spines[:].set_visible(False)
left.set_title("what one block of 16 x 16 outputs reads", loc="left", fontsize=10)
bars = right.barh(list(counted), list(counted.values()), color=[DIFFERENT, HUES[1], SAME, "0.6"])
for bar, count in zip(bars, counted.values(), strict=True):
    right.text(bar.get_width() * 1.15, bar.get_y() + 0.4, f"{count:,}", va="center", fontsize=9)
right.invert_yaxis()
right.set(xscale="log", xlim=(1000, 2e6), xlabel="numbers read from global memory (log scale)")
picture(
    left,
    "Left: the matrices A, B and C, and what one block of C reads, a strip of rows of A and a "
    "strip of columns of B, one small square of each at a time. Right: bars of the numbers read "
    "from global memory: the tiled kernel reads a sixteenth of the naive one's, the register- "
    "blocked a quarter of that, twice the least possible.",
)

# %% [markdown]
# Left: a block goes along its rows of $A$ and its columns of $B$ slice by slice; the strong squares are the
# tiles that lie in shared memory at this moment. Right: all three do the same 131,072 multiply-adds. What
# is left over the least possible is that each number is still read by $128 / 64 = 2$ blocks.
#
# Why not a tile of 128, then, or of 1,000? Shared memory has some 48 kB a block, and a block at most 1,024
# threads; and 64 sums are already a quarter of the 255 registers that a thread can have. Near memory is small.
#
# What is left to gain then? Many GPUs start one instruction per lane in a cycle, be it a multiply-add or not. So
# whatever else a thread does (work out an address, test an edge, count a loop) takes the place of a product. The
# compiled kernel can be read without a GPU, and the project's tests do: of the instructions of its loop two of
# three multiply. The head of `matmul_cuda.py` says what that took.
#
# %% [markdown]
# ## What no simulator shows
#
# | | a simulator | a GPU |
# |---|---|---|
# | an index beyond the end | an error | reads or destroys what lies there; later calls fail with odd messages |
# | a race inside of a **warp** (32 threads in step) | one thread after another, so it may look right | undefined |
# | a barrier that some threads miss | an error, or it hangs | hangs, or goes on with wrong numbers |
# | 2,048 threads a block, a shared array of a size known at run time | Numba's takes it | refused |
# | neighbouring threads that read neighbouring numbers (**coalescing**) | no difference | up to 8 times fewer transfers in float32 |
# | bank conflicts, registers, how many blocks fit at once | no difference | decide the speed |
# | speed | thousands of times too slow | the point of it all |
#
# So a kernel that is right in the simulator has right *arithmetic* and right *indices*. That it is right on a
# GPU, and fast, can only be seen there. This is why counting is worth so much: the number of reads is a fact
# about the program, on any machine.
#
# The library's CUDA kernels were simulated (`tests/cuda_suite`) and compiled for two generations of GPUs; see
# "How it is tested" in the guide for what was run where. Its layers hold pairs: a CPU kernel and its CUDA
# twin around the code of one element (`minifacenet/nn/relu.py`), and `Kernel` in `backend.py` chooses by where
# the array lives.
#
# **Try next.** Swap the two lines of a thread map, `row, column = cuda.grid(2)`, in `who_am_i` and look at the
# numbers. Leave out one barrier in your kernel, then the other; which race does the check name? On a GPU:
# `cuda.jit(tiled_matmul)[grid, (4, 4)](a, b, out)`, then the library's three with m = n = k = 1024, each
# once before the clock starts, and `cuda.synchronize()` before it stops: a launch returns at once, long
# before the kernel has ended.
