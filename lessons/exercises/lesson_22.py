"""Lesson 22: the occlusion map, and a network that it cannot see through."""

import numpy as np

from .core import Wrong, exercise, expect


def _network(rng, shape):
    """A made-up embedding: every pixel has directions of its own."""
    weights = rng.standard_normal((int(np.prod(shape)), 3))

    def embed(photos):
        photos = np.asarray(photos)
        if photos.dtype != np.uint8 or photos.ndim != 4 or photos.shape[1:] != shape:
            raise Wrong(
                f"embed takes uint8 photos of shape (N, {', '.join(map(str, shape))}), and you "
                f"give it {photos.dtype} {photos.shape}"
            )
        return photos.reshape(len(photos), -1) / 255 @ weights

    return embed


def _map(embed, photo, side, stride, fill, moving=True):
    places = [range(0, n - side + 1, stride) for n in photo.shape[:2]]
    moved, before = np.zeros([len(place) for place in places]), embed(photo[None])[0]
    for i, top in enumerate(places[0]):
        for j, left in enumerate(places[1]):
            covered = photo.copy()
            part = slice(top, top + side), slice(left, left + side)
            covered[part] = fill[part] if moving else fill[:side, :side]
            moved[i, j] = np.square(embed(covered[None])[0] - before).sum()
    return moved


@exercise(
    "22.1",
    hints=(
        "Where may the upper left corner of a square stand, and how many such places are there?",
        "For each place: a fresh copy of the photo, the square of it from fill, and how far the "
        "embedding is from that of the photo itself.",
        "for i, top in enumerate(range(0, H - side + 1, stride)): the same for j and left; "
        "covered = photo.copy(); covered[top:top+side, left:left+side] = fill[the same place].",
    ),
    answer="occlusion.occlusion_map",
)
def occlusion_map(answer):
    for case, (shape, side, stride) in enumerate(
        [((12, 12, 1), 4, 4), ((14, 9, 1), 4, 2), ((10, 13, 3), 3, 3), ((8, 8, 1), 8, 1)]
    ):
        rng = np.random.default_rng(case + 22)
        embed = _network(rng, shape)
        photo = rng.integers(0, 256, shape).astype(np.uint8)
        fill = rng.integers(0, 256, shape).astype(np.uint8)
        if not case:
            fill[:] = 128
        kept = photo.copy()
        got = answer(embed, photo, side, stride, fill)
        if not np.array_equal(photo, kept):
            raise Wrong("your function leaves squares in the photo: cover a copy of it, each time")
        right = _map(embed, photo, side, stride, fill)
        told = f"the map of a photo of {shape[0]} x {shape[1]}, squares of {side} every {stride}"
        if got is not None and np.shape(got) == right.shape:
            stay, covered = np.zeros_like(right), photo.copy()
            for i, j in np.ndindex(right.shape):
                part = tuple(slice(n * stride, n * stride + side) for n in (i, j))
                covered[part] = fill[part]
                stay[i, j] = np.square(embed(covered[None]) - embed(photo[None])).sum()
            typical = {
                "you take the root: squared distances, as everywhere": np.sqrt(right),
                "the squares before are still there: begin with the photo each time": stay,
                "your fill does not move with the square: take it from the same place": _map(
                    embed, photo, side, stride, fill, moving=False
                ),
                "rows have become columns: the first axis goes down": right.T,
            }
            for message, slip in typical.items():
                told_apart = slip.shape == right.shape and not np.allclose(slip, right)
                if told_apart and np.allclose(got, slip):
                    raise Wrong(message)
        elif got is not None and np.shape(got) == right.T.shape:
            raise Wrong(f"{told} has shape {np.shape(got)}: rows have become columns")
        expect(told, got, right, 1e-6)
    return "A map, and nothing of the network was opened."


@exercise(
    "22.2",
    hints=(
        "One of the two pixels is covered: what must the answer not notice, and from what can it "
        "still tell?",
        "'Both' notices if one is missing. So does a sum. Which way of joining two numbers needs "
        "only one of them?",
        "photos[:, row, column, 0] is the pixel of each photo; join two such arrays by one "
        "function of NumPy.",
    ),
    answer="exercises.answers_22.two_witnesses",
)
def two_witnesses(answer):
    rng = np.random.default_rng(222)
    for first, second in (((5, 4), (5, 18)), ((2, 20), (20, 3))):
        photo = rng.integers(60, 200, (24, 24, 1)).astype(np.uint8)
        photo[first] = photo[second] = 255
        places = [(top, left) for top in range(17) for left in range(17)]
        covered = np.repeat(photo[None], len(places), axis=0)
        for one, (top, left) in zip(covered, places, strict=True):
            one[top : top + 8, left : left + 8] = 128

        def say(photos, first=first, second=second):
            got = answer(photos.copy(), first, second)
            try:
                got = np.asarray(got, dtype=np.float64).reshape(len(photos), -1)
            except (TypeError, ValueError):
                raise Wrong("return one number for each photo, ndarray (N,)") from None
            if got.shape[1] != 1 or not np.isfinite(got).all():
                raise Wrong("return one finite number for each photo, ndarray (N,)")
            return got[:, 0]

        as_it_is = say(photo[None])[0]
        moved = np.abs(say(covered) - as_it_is)
        if moved.max() > 1e-9:
            top, left = places[int(moved.argmax())]
            raise Wrong(
                f"a square of 8 x 8 at ({top}, {left}) changes your answer by {moved.max():.3g}: "
                "it shows on the map"
            )
        others = rng.integers(0, 256, (6, 24, 24, 1)).astype(np.uint8)
        for one, other in ((255, 255), (90, 90), (20, 20), (0, 0), (30, 240)):
            others[:, *first], others[:, *second] = one, other
            if np.ptp(say(others)) > 1e-9:
                raise Wrong(f"your answer depends on more than the pixels {first} and {second}")
        both = photo.copy()
        both[first] = both[second] = 128
        if abs(say(both[None])[0] - as_it_is) < 1e-9:
            raise Wrong("with both pixels covered your answer is the same: it looks at neither")
    return "The map is black all over, and the network looks at two pixels."
