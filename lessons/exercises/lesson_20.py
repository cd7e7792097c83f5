"""Lesson 20: vectors that do not compare, the best turn, and the slope of mixed triplets."""

import numpy as np

from .core import Wrong, exercise, expect


def _unit(rng, *shape):
    vectors = rng.standard_normal(shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _squared(a, b):
    return np.square(a[:, None] - b).sum(axis=2)


@exercise(
    "20.1",
    hints=(
        "Which change of all points of a globe leaves every distance between them as it is?",
        "Turning and mirroring do. Which of these takes every point as far away from where it was "
        "as it can get?",
        "It is one line, and does the same to every number.",
    ),
    answer="exercises.answers_20.of_no_use",
)
def of_no_use(answer):
    for seed, shape in enumerate([(6, 3), (40, 16)]):
        old = _unit(np.random.default_rng(seed), *shape)
        kept = old.copy()
        got = answer(old)
        if not np.array_equal(old, kept):
            raise Wrong("your function changes v1's vectors: they belong to the gallery")
        got = np.asarray(got, dtype=np.float64) if got is not None else None
        if got is None or got.shape != shape:
            told = "None" if got is None else f"shape {got.shape}"
            raise Wrong(f"you return {told}: as many vectors, as long, {shape}")
        if np.allclose(got, old):
            raise Wrong("these are v1's own vectors: every photo finds itself")
        off = np.abs(np.linalg.norm(got, axis=1) - 1).max()
        if not off < 1e-6:
            raise Wrong(f"the length of a vector is off by {off:.2g}: they stay on the sphere")
        among = np.abs(_squared(got, got) - _squared(old, old)).max()
        if not among < 1e-6:
            raise Wrong(
                f"a distance among the new vectors differs by {among:.2g} from that of the old: "
                "v2 has to be as good as v1"
            )
        across = _squared(got, old)
        farthest = np.mean(across.argmax(axis=1) == np.arange(shape[0]))
        if farthest < 1:
            raise Wrong(
                f"v2 is as good as v1, and does not compare with it. But for {1 - farthest:.0%} of "
                "the photos somebody else's old vector is farther away than their own"
            )
    return "Perfect among themselves, and worse than chance across."


@exercise(
    "20.2",
    hints=(
        "Write out the sum of squares: which part of it depends on R at all?",
        "Only -2 trace(Rᵀ M) does, with M = newᵀ old. Which orthogonal R makes that trace largest, "
        "if M is diagonal and positive? And what does the singular value decomposition do to M?",
        "u, _, vt = np.linalg.svd(new.T @ old); the singular values are not needed.",
    ),
    answer="exercises.answers_20.best_turn",
)
def best_turn(answer):
    for seed, (count, dim, noise) in enumerate(
        [(12, 3, 0), (40, 8, 0.05), (9, 2, 0.1), (60, 5, 0.3)]
    ):
        rng = np.random.default_rng(seed + 20)
        turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
        if seed == 2:  # a mirror
            turn[:, 0] *= -np.sign(np.linalg.det(turn))
        new = _unit(rng, count, dim)
        old = new @ turn + noise * rng.standard_normal((count, dim))
        got = answer(new.copy(), old.copy())
        u, _, vt = np.linalg.svd(new.T @ old)
        right, mirror = u @ vt, u @ np.diag([1] * (dim - 1) + [-1]) @ vt
        told = f"for {count} photos in {dim} dimensions"
        if got is not None and np.shape(got) == right.shape:
            got = np.asarray(got, dtype=np.float64)
            if np.allclose(got, right.T) and not np.allclose(right, right.T):
                raise Wrong(f"{told} you have the way back: new @ R should come near old")
            if np.allclose(got, mirror):
                raise Wrong(f"{told} the best is a mirror: orthogonal is all that is asked of R")
            off = np.abs(got.T @ got - np.eye(dim)).max()
            if off > 1e-6:
                raise Wrong(
                    f"{told} RᵀR is off by {off:.2g} from the identity: yours stretches, which "
                    "changes distances among the new vectors"
                )
        elif got is not None and np.shape(got) == new.shape:
            raise Wrong(f"{told} you return shape {np.shape(got)}: R is asked for, not new @ R")
        expect(f"R {told}", got, right, 1e-6)
    return "It is the Procrustes problem, solved by Schönemann in 1966."


def _slopes(x, a, p, n, count):
    slope = np.zeros_like(x)
    np.add.at(slope, a, 2 * (x[n] - x[p]))
    np.add.at(slope, p, 2 * (x[p] - x[a]))
    np.add.at(slope, n, 2 * (x[a] - x[n]))
    return slope / max(count, 1)


@exercise(
    "20.3",
    hints=(
        "Which rows of [new; old] can move, and in which triplets does each of them stand?",
        "Lesson 10 has the slope of one triplet by each of its points. Add each to its row of "
        "a matrix for all 2N, and keep the rows that you need.",
        "x = np.concatenate([new, old]); slope = np.zeros_like(x); np.add.at(slope, a, 2 * (x[n] - "
        "x[p])), and so on, for active triplets alone; slope[:len(new)] over their number.",
    ),
    answer="exercises.answers_20.gradient_of_the_new",
)
def gradient_of_the_new(answer):
    rng = np.random.default_rng(20)
    for case in range(6):
        count, margin = 5, (4.0, 0.2)[case % 2]
        new, old = _unit(rng, count, 3), _unit(rng, count, 3)
        a, p, n = rng.integers(0, count, 12), *rng.integers(0, 2 * count, (2, 12))
        if case == 0:  # one triplet, all new: lesson 10
            a, p, n = np.array([0]), np.array([1]), np.array([2])
        elif case == 4:  # nothing is active
            a, p, n = np.array([0]), np.array([0]), np.array([1])
            margin = 1e-9
        kept = new.copy(), old.copy()
        got = answer(new, old, (a, p, n), margin)
        if not (np.array_equal(new, kept[0]) and np.array_equal(old, kept[1])):
            raise Wrong(
                "your function changes the vectors: it should only say where they want to go"
            )
        x = np.concatenate([new, old])
        active = np.square(x[a] - x[p]).sum(1) - np.square(x[a] - x[n]).sum(1) + margin > 0
        chosen = a[active], p[active], n[active]
        whole = _slopes(x, *chosen, active.sum())
        if np.shape(got) == whole.shape:
            raise Wrong(
                "you return a slope for v1's vectors, too: they do not move, leave them out"
            )
        right = whole[:count]
        once = np.zeros_like(x)  # what += with an array of places makes of places that repeat
        once[chosen[0]] += 2 * (x[chosen[2]] - x[chosen[1]])
        once[chosen[1]] += 2 * (x[chosen[1]] - x[chosen[0]])
        once[chosen[2]] += 2 * (x[chosen[0]] - x[chosen[2]])
        only_anchors = np.zeros_like(right)
        np.add.at(only_anchors, chosen[0], 2 * (x[chosen[2]] - x[chosen[1]]) / max(active.sum(), 1))
        typical = {
            "a slope is divided by the number of active triplets, not of all": right
            * active.sum()
            / len(a),
            "you add the active triplets up: the loss is their mean": right * active.sum(),
            "triplets that are right already have no slope: [...]+ is 0 there": _slopes(
                x, a, p, n, len(a)
            )[:count],
            "v2's photos are positives and negatives, too, and move as such": only_anchors,
            "the slope of v1's vector of a photo is not v2's: nobody takes it": right
            + whole[count:],
            "a row that is in several triplets keeps one of its slopes: slope[a] += ... adds once "
            "only; np.add.at or a loop adds all": once[:count] / max(active.sum(), 1),
            "the sign is turned round: this is the slope, the step goes the other way": -right,
        }
        if got is not None and np.shape(got) == right.shape:
            for message, slip in typical.items():
                if np.allclose(got, slip) and not np.allclose(slip, right):
                    raise Wrong(message)
        expect("the slope", got, right)
    return "v1 stays where it is, and v2 comes to it."
