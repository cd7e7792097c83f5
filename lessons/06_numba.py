# %% [markdown]
# # 06 · Numba on the CPU
#
# **A loop in Python takes about a thousand times as long as the processor needs. Where does the time
# go, and how do you get it back without leaving Python?**
#
# NN1 takes 1.6 billion multiply-adds for a photo. Lesson 01 got from seven loops to a matrix product, which
# NumPy hands to BLAS. But pooling, maxout, LRN and mining are no matrix products: for these we write the
# loops after all, and **Numba** turns them into machine code. Here you see what that brings, what the first
# call costs, how a float32 silently becomes a float64, and how two threads that write to one number lose
# half of the work.
#
# Twenty minutes. The paper says nothing of this; Table 1 (section 3.3) only says how much there is to
# compute. In the library: `minifacenet/nn/device/backend.py`, and `minifacenet/nn/relu.py`, the smallest layer that
# has everything.

# %%
import inspect
import time

import numba
import numpy as np
from exercises import check, hint, solution
from exercises.core import Wrong, say
from exercises.lesson_06 import double_operations
from exercises.watched import Watched, follow_prange
from numba import njit, prange
from show import axes, embeddings, picture

from minifacenet.nn import relu
from minifacenet.nn.device.backend import blas_threads
from minifacenet.nn.products.bias import _bias_gradient_cpu
from minifacenet.plots.style import DIFFERENT, HUES, SAME

# %% [markdown]
# ## One task, six ways
#
# Take the embeddings of the 400 ORL photos, each a vector of 128 numbers with length 1. For unit vectors
# $\|a - b\|^2 = 2 - 2\, a \cdot b$, so all distances follow from all dot products, $G = E E^\top$:
#
# $$G_{ij} = \sum_k E_{ik} E_{jk} \qquad 400 \cdot 400 \cdot 128 = 20{,}480{,}000 \text{ multiply-adds}$$
#
# **1. Python.** Every number is an object somewhere in memory, with a type that is looked up at every `+`.
#
# **2. NumPy** runs the loops in C. But it knows whole arrays only: all 20 million products are written to
# memory, 82 MB, before the first sum begins.


# %%
def in_python(rows):
    return [[sum(x * y for x, y in zip(a, b, strict=True)) for b in rows] for a in rows]


def in_numpy(e):
    return (e[:, None, :] * e[None, :, :]).sum(axis=2)


# %% [markdown]
# **3. njit.** The same loops as a kernel. `@njit` compiles the function when it is first called. `b` is
# $E^\top$, so that the code is any matrix product. `total` starts as a zero *of the type of `out`*; why, we
# will see.


# %%
@njit
def in_order(a, b, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = out.dtype.type(0)
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            out[i, j] = total


# %% [markdown]
# **4. njit, the loops exchanged.** The processor has vector instructions: 8 or 16 multiply-adds at once. The loops
# above cannot use them. The innermost loop adds into *one* sum, each step waits for the one before, and the
# compiler may not change the order, because a float sum in another order is another float. So we make $j$
# the innermost loop: 400 sums that have nothing to do with each other, and neighbours in memory.
#
# **5. prange.** The same function with `parallel=True`: now the rows $i$ are shared out among the threads.
# (Without it, `prange` is `range`.)


# %%
def exchanged(a, b, out):
    for i in prange(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = 0
        for k in range(a.shape[1]):
            left = a[i, k]
            for j in range(out.shape[1]):
                out[i, j] += left * b[k, j]


exchanged_1 = njit(exchanged)
exchanged_all = njit(parallel=True)(exchanged)

# %% [markdown]
# **6. BLAS**, by `@` or `np.matmul`, here on one thread.
#
# How many times as fast as Python will each be? Write down five numbers before you look at the bars. All six
# have to agree before any of them is timed:

# %%
e = embeddings()["vectors"]
e_t = np.ascontiguousarray(e.T)
rows = e.tolist()
start = time.perf_counter()
expected = np.array(in_python(rows))
seconds = {"Python": time.perf_counter() - start}


def fastest(function, *arguments, rounds):
    """Seconds of the fastest of some calls, after one that does not count: it may compile."""
    function(*arguments)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)


seconds["NumPy"] = fastest(in_numpy, e, rounds=3)
assert np.allclose(in_numpy(e), expected, atol=1e-6)
threads = numba.get_num_threads()
kernels = {
    "njit": in_order,
    "njit, loops exchanged": exchanged_1,
    f"prange, {threads} threads": exchanged_all,
    "BLAS, one thread": np.matmul,
}
for name, kernel in kernels.items():
    out = np.empty((400, 400), np.float32)
    with blas_threads(1):
        seconds[name] = fastest(kernel, e, e_t, out, rounds=30)
    assert np.allclose(out, expected, atol=1e-6)
print(f"{len(seconds)} ways, one result")

# %% tags=["claim"]
from show import claim

claim("82 MB of products", round(400 * 400 * 128 * 4 / 1e6) == 82)
claim("all six agree", len(seconds) == 6 and np.allclose(out, expected, atol=1e-6))
claim("compiling brings far more than ten", seconds["Python"] > 15 * seconds["njit"])

# %% tags=["drawing"]
ax = axes(8, 3)
ratios = np.array([seconds["Python"] / value for value in seconds.values()])
colours = ["0.6", HUES[1], SAME, SAME, SAME, HUES[2]]
bars = ax.barh(list(seconds), ratios, color=colours)
for bar, ratio in zip(bars, ratios, strict=True):
    text = f"{float(f'{ratio:.1g}'):,.0f}"  # one digit: the rest is the machine's mood
    ax.text(bar.get_width() * 1.1, bar.get_y() + 0.4, text, va="center", fontsize=9)
ax.invert_yaxis()
ax.set(xscale="log", xlim=(0.8, ratios.max() * 4), xlabel="times as fast as Python (log scale)")
picture(
    ax,
    "Bars for six ways to compute the same sums, as a multiple of Python's speed, on a "
    "logarithmic axis. NumPy and the first compiled loops are some dozens of times as fast, the "
    "exchanged loops far faster again, and BLAS the fastest.",
)

# %% [markdown]
# (One digit each; they differ from machine to machine and from run to run. `prange` gains little or nothing
# where something else is running, and no more than there are cores.)
#
# Compiling the loops brings a factor of some dozens. Their *order* brings as much again as several cores
# could. Threads multiply what is there, and come last. BLAS is still ahead, on one thread: its sums stay in
# registers while ours go to the cache and back at every step. `minifacenet/nn/products/microkernel.py` does
# the same in some 200 lines; it is worth reading when this lesson has become easy.
#
# ## What the first call costs
#
# `njit` compiles for the **types** of the arguments: dtype, number of axes, and how they lie in memory. New
# types, a new compilation:

# %%


@njit
def total_of(x):
    total = x.dtype.type(0)
    for value in x.flat:
        total += value
    return total


x = np.ones((30, 40), np.float32)
start = time.perf_counter()
total_of(x)
first = time.perf_counter() - start
second = fastest(total_of, x, rounds=10)
print("the first call takes more than 100 times as long as the second:", first > 100 * second)
for view in (x[:10], x.astype(np.float64), x.T, x[:, ::2]):
    total_of(view)
for (signature,) in total_of.signatures:
    print(signature)

# %% tags=["claim"]
claim("the first call compiles", first > 20 * second)
claim("four versions for five arrays", len(total_of.signatures) == 4)

# %% [markdown]
# Four versions for five arrays: another shape costs nothing, but another dtype does, a transposed array
# ("F") does, and one with gaps ("A") does. Hence two habits of the library:
#
# - A layer calls `contiguous(x)` before a kernel, so that each kernel is compiled for one memory order.
# - `cpu_kernel` is `njit(parallel=True, cache=True)`: the machine code is kept on disk, and the next process
#   reads it in milliseconds. `minifacenet warmup` compiles all of it beforehand.
#
# **Never time a first call.**
#
# ## The silent float64
#
# Half a float32, in NumPy and in Numba:


# %%
@njit
def half(x):
    return x * 0.5


x = np.ones(3, np.float32)
print("NumPy:", (x * 0.5).dtype, "  Numba:", half(x).dtype)

# %% tags=["claim"]
claim("NumPy keeps float32, Numba does not", (x * 0.5).dtype == np.float32 != half(x).dtype)

# %% [markdown]
# For NumPy (since 2.0) the constant 0.5 takes on the type of the array. For Numba it is a float64, and
# float32 times float64 is float64. Nothing warns you. The result takes twice the memory; written into a
# float32 array it is rounded again and nobody notices, but the kernel computed with half as many numbers in
# a vector, and converted each of them twice. The same holds for a sum that starts as `0.0`.
#
# One can look: the compiler's output is text, and a `double` in it is a float64.


# %%
@njit
def scale_silently(x, out):
    for i in range(x.size):
        out[i] = x[i] * 0.7


@njit
def scale(x, out):
    factor = x.dtype.type(0.7)
    for i in range(x.size):
        out[i] = x[i] * factor


for kernel in (scale_silently, scale):
    kernel(x, np.empty_like(x))
    print(f"{kernel.__name__:15} float64 operations in it: {double_operations(kernel) > 0}")

# %% tags=["claim"]
claim("one computes in float64", double_operations(scale_silently) > 0 == double_operations(scale))

# %% [markdown]
# This is how the library writes a ReLU. `_rectify` is the code of one element, the same for CPU and GPU;
# the kernel is the loop around it. Look at the zero:

# %%
print(inspect.getsource(relu._rectify))
print(inspect.getsource(relu._forward_cpu.py_func))

# %% [markdown]
# ## Exercise 06.1
#
# A *leaky* ReLU lets a tenth of the negative numbers through: $y = x$ for $x > 0$, and $0.1\,x$ otherwise.
# Write it as a kernel that computes in the type of `x`, whichever it is. (Write plain Python, without
# `@njit`; the check compiles it, and reads the machine code.)


# %% tags=["exercise"]
def leaky_relu(x, out):
    """out[i] = x[i] where x[i] > 0, 0.1 * x[i] elsewhere.

    x, out: ndarrays of shape (N,), both float32 or both float64.
    """
    raise NotImplementedError


# %%
check("06.1", leaky_relu)

# %% [markdown]
# ## A race
#
# `prange` says: *these iterations may run at the same time, in any order*. Numba believes it. Here is the
# gradient of a bias, the sum over the photos of a batch (lesson 05), with the photos shared out:


# %%
def bias_gradient(dout, dbias):
    for i in prange(dout.shape[0]):
        for j in range(dbias.size):
            dbias[j] += dout[i, j]


# %% [markdown]
# `dbias[j] += ...` is one line, but three steps: **read** the number, **add** to it, **write** it back. Let two
# threads, with a 3 and a 4, meet at a `dbias[0]` of 10:
#
# | thread A adds 3 | thread B adds 4 | `dbias[0]` |
# |---|---|---|
# | reads 10 | | 10 |
# | | reads 10 | 10 |
# | writes 10 + 3 = 13 | | 13 |
# | | writes 10 + 4 = 14 | **14**, should be 10 + 3 + 4 = 17 |
#
# What A did is lost. Whether it happens depends on who comes first, so it is different in every run. That
# is the worst of it: a race can be right a hundred times. In how many of a hundred runs will this one be?

# %%
ones = np.ones((1_000_000, 1), np.float32)
compiled = njit(parallel=True)(bias_gradient)
results = []
for _ in range(100):
    dbias = np.zeros(1)
    compiled(ones, dbias)
    results.append(100 * dbias[0] / len(ones))

# %% tags=["drawing"]
ax = axes(8, 2.6)
ax.axhline(100, color="0.6", linewidth=1, linestyle="--")
run, share = np.arange(1, 101), np.array(results)
right = share == 100
ax.scatter(run[right], share[right], s=18, color=SAME, label="right")
ax.scatter(run[~right], share[~right], s=24, color=DIFFERENT, marker="x", label="work was lost")
ax.set(xlabel="run", ylabel="% of the right sum", ylim=(0, 112), xlim=(0, 101))
ax.legend(loc="lower right", ncols=2, fontsize=9)
picture(
    ax,
    "A hundred runs of one function on the same numbers, each a mark at the share of the right "
    "sum that it returned. Circles at 100 per cent are right; crosses, further down, have lost "
    "work to the race. Which runs are lost follows no order.",
)

# %% [markdown]
# The same function on the same numbers, a hundred times. How many are right depends on the machine and on
# what else it does: with one core, where threads hardly ever run at the same moment, nearly all. Where two
# threads lose just half, each kept its sum in a register and wrote it at the end, so the later one wiped out
# the other's half. No warning in either case.
#
# So do not look for races by trying. **Look at who writes what.** That can be done in plain Python: run the
# iterations one after another, with an array that remembers who touched which number. The check of the
# exercise below does this, and so can you. The heart of it is what happens at a write:

# %%
print(inspect.getsource(Watched.note_write))
small = np.ones((4, 3), np.float32)
try:
    follow_prange(bias_gradient, small, np.zeros(3), watch=1, name="dbias")
except Wrong as error:
    say(str(error))

# %% [markdown]
# ## One writer per output
#
# The cure is a rule, and every kernel of the library keeps it: **an output belongs to one iteration**. Do not
# share out the photos, share out the *columns*. This is the library's own:

# %%
print(inspect.getsource(_bias_gradient_cpu.py_func))
follow_prange(_bias_gradient_cpu, small, np.zeros(3), watch=1, name="dbias")
print("no race")

# %% [markdown]
# No locks and no atomics: nobody waits. In general: where the natural loop *scatters* (each input adds to
# some outputs), turn it round so that it *gathers* (each output collects its inputs). Lesson 03's overlapping
# pools did just that.
#
# ## Exercise 06.2
#
# The sum of all embeddings of each person (divided by their number it is the person's centre). The obvious
# loop is this one:
#
#     sums[:] = 0
#     for i in prange(len(labels)):
#         for j in range(sums.shape[1]):
#             sums[labels[i], j] += vectors[i, j]
#
# It is right whenever no two photos show the same person. Fix the race; keep a `prange`.


# %% tags=["exercise"]
def sum_by_person(vectors, labels, sums):
    """sums[p] = the sum of the vectors[i] with labels[i] == p; 0 for a person without a photo.

    vectors: ndarray (N, d), float32. labels: (N,), integers 0 ... people - 1.
    sums: (people, d), float32, with whatever was in its memory before.
    """
    raise NotImplementedError


# %%
check("06.2", sum_by_person)

# %% [markdown]
# ## One order of summation
#
# One writer gives a second gift. Floats are rounded after every addition, so a sum depends on its order:

# %%
big, one = np.float32(1e8), np.float32(1)
print("(1e8 + 1) - 1e8 =", (big + one) - big, "    (1e8 - 1e8) + 1 =", (big - big) + one)

# %% tags=["claim"]
claim("the order decides", (big + one) - big == 0 and (big - big) + one == 1)


# %%
@njit
def in_parts(x, parts):
    """As that many threads would do it: a sum each, over a part of x, and then the sum of these."""
    size = x.size // parts
    total = x.dtype.type(0)
    for part in range(parts):
        own = x.dtype.type(0)
        for i in range(part * size, (part + 1) * size):
            own += x[i]
        total += own
    return total


x = np.random.default_rng(6).random(1 << 20, dtype=np.float32)
print(f"float64:    {x.sum(dtype=np.float64):.2f}")
for parts in (1, 2, 4, 1024):
    print(f"{parts:4} parts: {in_parts(x, parts):.2f}")

# %% tags=["claim"]
claim(
    "1024 short sums are the most exact by far",
    abs(in_parts(x, 1024) - x.sum(dtype=float)) * 3
    < min(abs(in_parts(x, parts) - x.sum(dtype=float)) for parts in (1, 2, 4)),
)

# %% [markdown]
# Numba knows one exception to the rule: `total += x[i]` with a plain number `total` in a `prange` is no race.
# It gives every thread a sum of its own and adds these up in the end, which is `in_parts`. But then the result
# depends on **how many threads there are**, and a training on two cores soon differs from one on four. Where a
# single sum has to be shared out, make the parts by its size and never by the number of threads. All kernels
# here keep one order; so a seed gives the same bits on one thread and on two, and a test says so.
#
# (Look at the digits once more: the 1024 short sums are the most exact by far. The larger a sum has grown,
# the more of what is added is rounded away; NumPy's own `sum` makes use of this.)
#
# ## What to remember
#
# 1. Compile the loops; put the loop over neighbours in memory innermost.
# 2. The first call compiles, once for each set of types: fix dtype and memory order at the door.
# 3. Constants and sums have the type of the array: `x.dtype.type(0)`.
# 4. One writer per output, one order of summation. Threads come last.
# 5. A matrix product belongs to BLAS, until you have read `microkernel.py`.
#
# **Try next.** Time `exchanged` with a float64 `e`: how much is due to the memory, how much to the vectors?
# Write `in_parts` with `prange` over eight parts and watch it with `follow_prange`. Then `minifacenet bench
# --threads 1 --batch 8` tells what the library's kernels reach, row by row of Table 1. Lesson 07 writes the
# same kernels for a GPU, where ten thousand threads must not race.
