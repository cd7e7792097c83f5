"""Typical wrong answers to lesson 22, with words that the check should say."""

import numpy as np
from occlusion import occlusion_map


def _covered(embed, photo, side, stride, fill, last=0, copy=True, corner=False):
    rows, columns = (range(0, n - side + 1 - last, stride) for n in photo.shape[:2])
    moved, covered = np.zeros((len(rows), len(columns))), photo.copy()
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            covered = photo.copy() if copy else covered
            part = slice(top, top + side), slice(left, left + side)
            covered[part] = fill[:side, :side] if corner else fill[part]
            moved[i, j] = np.square(embed(covered[None]) - embed(photo[None])).sum()
    return moved


def squares_stay(embed, photo, side, stride, fill):
    return _covered(embed, photo, side, stride, fill, copy=False)


def one_too_few(embed, photo, side, stride, fill):
    return _covered(embed, photo, side, stride, fill, last=1)


def fill_stands_still(embed, photo, side, stride, fill):
    return _covered(embed, photo, side, stride, fill, corner=True)


def with_the_root(embed, photo, side, stride, fill):
    return np.sqrt(occlusion_map(embed, photo, side, stride, fill))


def transposed(embed, photo, side, stride, fill):
    return occlusion_map(embed, photo, side, stride, fill).T


def in_place(embed, photo, side, stride, fill):
    moved = occlusion_map(embed, photo, side, stride, fill)
    photo[:side, :side] = fill[:side, :side]
    return moved


def without_the_photos_axis(embed, photo, side, stride, fill):
    return np.square(embed(photo)).sum()


def the_size_of_the_photo(embed, photo, side, stride, fill):
    return np.kron(occlusion_map(embed, photo, side, stride, fill), np.ones((stride, stride)))


def both_needed(photos, first, second):
    return np.minimum(photos[:, *first, 0], photos[:, *second, 0])


def added(photos, first, second):
    return photos[:, *first, 0].astype(float) + photos[:, *second, 0]


def one_alone(photos, first, second):
    return photos[:, *first, 0]


def always_one(photos, first, second):
    return np.ones(len(photos))


def brightest_of_all(photos, first, second):
    return photos.max(axis=(1, 2, 3))


def nothing(photos, first, second):
    photos[:, *first, 0] | photos[:, *second, 0]


def median_of_all(photos, first, second):
    return np.median(photos, axis=(1, 2, 3))


def a_third_in_the_dark(photos, first, second):
    either = np.maximum(photos[:, *first, 0], photos[:, *second, 0])
    return np.where(either < 50, photos[:, 0, 0, 0], either)


MISTAKES = {
    "22.1": {
        squares_stay: "squares before are still there",
        one_too_few: "has shape",
        fill_stands_still: "does not move with the square",
        with_the_root: "you take the root",
        transposed: "rows have become columns",
        in_place: "leaves squares in the photo",
        without_the_photos_axis: "embed takes uint8 photos of shape (N",
        the_size_of_the_photo: "has shape",
    },
    "22.2": {
        both_needed: "shows on the map",
        added: "shows on the map",
        one_alone: "shows on the map",
        always_one: "it looks at neither",
        brightest_of_all: "depends on more than the pixels",
        nothing: "one finite number for each photo",
        median_of_all: "shows on the map",
        a_third_in_the_dark: "depends on more than the pixels",
    },
}
