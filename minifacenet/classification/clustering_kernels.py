"""The kernels of clustering.py: the nearest-neighbour chain on cluster means, in float64.

A cluster is named after its lowest face. The rows of `means` and `scatter` are kept together, so
that the search reads memory from front to end:

    rows   0 ... free - 1      candidates
           free ... tip - 1    unused
           tip ... N - 1       the chain, its tip first and its start last

Why may the search leave out the chain, except the cluster before the tip? Steps get shorter, and
an earlier cluster is at least as far from the tip as from its own nearest one. With rounding and
ties that need not hold to the last digit; as it is left out, none can enter the chain twice.

One search reads at most N D numbers once. At N = 20,000, D = 128 the plain loop over all
differences takes no longer than the matrix-vector product of BLAS: the memory sets the pace.
Stopping early, after 16, 32 or 64 columns, won a quarter at best and lost as much on other data.
Processor time of a whole tree on one thread: 12 s for 20,000 faces, 2 minutes for 50,000.
"""

import numpy as np

from ..nn.device.cpu_target import cpu_function


@cpu_function(fastmath={"reassoc", "contract"})
def squared_distance(a, b):
    total = 0.0
    for c in range(len(a)):
        difference = a[c] - b[c]
        total += difference * difference
    return total


@cpu_function
def _nearest(means, scatter, names, shares, search, free, tip, limit):
    """Return the nearest candidate below `limit` from the tip, or -1, and its distance; of ties
    the lowest name."""
    nearest = -1
    for row in range(free):
        if shares[names[row]] == search:
            continue
        distance = scatter[tip] + scatter[row] + squared_distance(means[tip], means[row])
        if distance < limit or (nearest >= 0 and distance == limit and names[row] < names[nearest]):
            nearest, limit = row, distance
    return nearest, limit


@cpu_function
def mark_sharing(name, member, same_photo, owner, shares, search):
    """Write `search` to `shares` at the clusters that share a photo with cluster `name`."""
    face = name
    while True:
        other = same_photo[face]
        while other != face:
            shares[owner[other]] = search
            other = same_photo[other]
        face = member[face]
        if face == name:
            return


@cpu_function
def _push(means, scatter, names, row, free, tip):
    """Make candidate `row` the tip, in row tip - 1; the last candidate fills its place."""
    last, to = free - 1, tip - 1
    # Row `to` may be row `last`: it is written after that has been read.
    spread, name = scatter[row], names[row]
    scatter[row], names[row] = scatter[last], names[last]
    scatter[to], names[to] = spread, name
    for c in range(means.shape[1]):
        moved = means[row, c]
        means[row, c] = means[last, c]
        means[to, c] = moved


@cpu_function
def mean_of_two(means, scatter, a, b, q, to):
    """Write mean and scatter of rows a and b joined to row `to`; b has the share q of the faces."""
    p = 1 - q
    gap = squared_distance(means[a], means[b])
    # Row `to` may be one of the two: every value is read before it is overwritten.
    scatter[to] = p * scatter[a] + q * scatter[b] + p * q * gap
    for c in range(means.shape[1]):
        means[to, c] = means[a, c] + q * (means[b, c] - means[a, c])  # equal ones stay exact


@cpu_function
def absorb(kept, absorbed, sizes, member, owner):
    """Give the faces of one cluster to another."""
    sizes[kept] += sizes[absorbed]
    face = absorbed
    while owner[face] != kept:
        owner[face] = kept
        face = member[face]
    member[kept], member[absorbed] = member[absorbed], member[kept]  # two circles become one


@cpu_function
def _join(means, scatter, names, sizes, member, owner, tip, free):
    """Join the tip and the one before it in row `free`; return (name kept, name absorbed)."""
    a, b = tip, tip + 1
    kept, absorbed = min(names[a], names[b]), max(names[a], names[b])
    share = sizes[names[b]] / (sizes[names[a]] + sizes[names[b]])
    mean_of_two(means, scatter, a, b, share, free)
    names[free] = kept
    absorb(kept, absorbed, sizes, member, owner)
    return kept, absorbed


@cpu_function
def join_all(means, scatter, names, sizes, top, owner, member, same_photo):
    """Join clusters until only infinite distances are left.

    Parameters
    ----------
    means : ndarray of shape (M, D), float64, M >= 1
    scatter : ndarray of shape (M,), float64
    names : ndarray of shape (M,), int64
        The lowest face of each cluster.
    sizes, top, owner, member, same_photo
        By face, of shape (N,): see `near_chain.Forest`. All are overwritten but the last.

    Returns
    -------
    joins : ndarray of shape (K, 2), int64
        Names of the two clusters, the lower one first: it is the name of the joined cluster. The
        joins that made a cluster come before the one that it takes part in.
    heights : ndarray of shape (K,), float64
        Their distances; a join is never lower than those before it in its branch.
    """
    n = len(means)
    shares, to_previous = np.zeros(len(owner), np.int64), np.full(n, np.inf)
    joins, heights = np.empty((n - 1, 2), np.int64), np.empty(n - 1)
    free, tip, search, count = n, n, 0, 0
    while free > 0 or tip < n:
        if tip == n:
            row, step = 0, np.inf  # a new chain
        else:
            search += 1
            mark_sharing(names[tip], member, same_photo, owner, shares, search)
            row, step = _nearest(means, scatter, names, shares, search, free, tip, to_previous[tip])
        if row >= 0:
            _push(means, scatter, names, row, free, tip)
            free, tip = free - 1, tip - 1
            to_previous[tip] = step
        elif tip + 1 < n:
            kept, absorbed = _join(means, scatter, names, sizes, member, owner, tip, free)
            # Equal heights can differ in the last digit: a parent must not sort before its child.
            top[kept] = max(to_previous[tip], top[kept], top[absorbed])
            joins[count], heights[count] = (kept, absorbed), top[kept]
            free, tip, count = free + 1, tip + 2, count + 1
        else:
            tip += 1  # it is infinitely far from all others, for good
    return joins[:count], heights[:count]


@cpu_function
def spreads(points, members, sizes):
    """Return mean and largest squared distance in each group, two float64 ndarrays of shape (G,).

    `members` lists the faces of group 0, then those of group 1, and so on. Pairs are taken one by
    one, without a table.
    """
    mean, largest = np.zeros(len(sizes)), np.zeros(len(sizes))
    start = 0
    for group in range(len(sizes)):
        faces = members[start : start + sizes[group]]
        start += sizes[group]
        for i in range(1, len(faces)):
            for j in range(i):
                distance = squared_distance(points[faces[i]], points[faces[j]])
                mean[group] += distance
                largest[group] = max(largest[group], distance)
        mean[group] /= max(len(faces) * (len(faces) - 1) // 2, 1)
    return mean, largest
