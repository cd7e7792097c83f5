# %% [markdown]
# # 13 · From photos to faces
#
# **The network wants a square with one face in it. Your photos have people in them. Who cuts?**
#
# Somebody has to say where the faces are, and turn each into a square in which the eyes are where
# the network expects them. The paper spends one sentence on this, and the result depends on it
# more than on most layers: in a crop that is a quarter too wide the eyes come out a fifth too near to
# each other.
#
# Fifteen minutes. From the paper: sections 1 and 5.6 (a detector's box, cropped tightly, and no
# alignment, which would help the paper a little). In the library, all in `minifacenet/preprocessing/`:
# `detector.py` and `mtcnn.py` find faces, `boxes.py` sorts them out, `square_crops.py` and `choose_and_cut.py` cut.
# The photo is NASA's portrait of the astronaut Eileen Collins: public domain, reduced to 320 x 320.

# %%
import inspect
import json

import numpy as np
from exercises import check, hint, solution
from matplotlib.patches import Rectangle
from PIL import Image
from show import CREDIT, HERE, axes, faces, picture

from minifacenet.files.arrays import CheckpointError
from minifacenet.plots.style import HUES
from minifacenet.preprocessing.boxes import non_maximum_suppression, shared_with
from minifacenet.preprocessing.choose_and_cut import CropSettings, cut
from minifacenet.preprocessing.detector import Detections, Detector, pyramid
from minifacenet.preprocessing.draw_boxes import draw_faces
from minifacenet.preprocessing.square_crops import aligned_crop, box_crop, similarity

photo = np.asarray(Image.open(HERE / "figures" / "astronaut.jpg"))
PHOTO = "Photo: NASA, public domain"
stored = json.loads((HERE / "results" / "detections.json").read_text(encoding="utf-8"))
try:
    detector = Detector()
except CheckpointError:
    detector = None
    print("No detector here: this lesson shows what it found elsewhere. It is 2 MB, once:")
    print("    minifacenet get mtcnn")

# %% [markdown]
# ## A pyramid: one size of face, many sizes of photo
#
# The detector MTCNN is three small networks, and the first of them, P-Net, knows faces of 12 x 12
# pixels only. A face of 60 pixels is found all the same: shrink the photo to a fifth, and it has 12.
# So P-Net looks into a whole **pyramid** of copies, each 0.709 times as large as the one before
# (half the area). In the first copy the smallest face that we want, 20 pixels, measures 12.

# %%
sizes = pyramid(photo.shape[:2], min_size=20, factor=0.709, max_side=1280)
for height, width in sizes:
    face = 12 * photo.shape[0] / height
    print(f"copy of {height:3} x {width:3} pixels: 12 of its pixels are {face:3.0f} of the photo")

# %% [markdown]
# P-Net has no fully connected layer. So it runs over a whole copy at once, like any convolution, and
# answers for a square every 2 pixels. What it takes for a face, in three of the copies:

# %% tags=["drawing"]
panels = axes(9, 3.2, columns=3)[0]
for ax, level in zip(panels, (0, 2, 4), strict=True):
    squares, height = np.array(stored["pnet"][level]), sizes[level][0]
    ax.imshow(Image.fromarray(photo).resize(sizes[level][::-1]))
    for x0, y0, x1, y1 in squares * height / photo.shape[0]:
        frame = Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=HUES[1], linewidth=0.8)
        ax.add_patch(frame)
    ax.set_title(f"{height} x {height}: {len(squares)} squares", fontsize=10, loc="left")
    ax.axis("off")
panels[0].text(0, -0.06, PHOTO, transform=panels[0].transAxes, fontsize=8, color="0.4", va="top")
picture(
    panels,
    "A portrait in three sizes, from fine to coarse, with the squares that the first network "
    "takes for a face. In the fine copy there are many small ones, few of them on the face; in "
    "the coarser ones the face fits, and fewer are wrong.",
)

# %% [markdown]
# P-Net is cheap and credulous. R-Net looks at what is left at 24 x 24 pixels, O-Net at 48 x 48, and
# O-Net also says where the eyes, the nose and the corners of the mouth are. Each is more careful than
# the one before, and is asked about fewer squares:

# %%
for name, count in stored["left"].items():
    print(f"{name:40} {count:4}")

# %% tags=["claim"]
from show import claim

claim("each is asked about fewer", (np.diff(list(stored["left"].values())) < 0).all())
claim("0.709 times as large is half the area", round(0.709**2, 2) == 0.5)
claim("in the first copy 12 pixels are 20 of the photo", round(12 * 320 / sizes[0][0]) == 20)
claim("a quarter too wide: the eyes come out a fifth nearer", 1 / 1.25 == 1 - 1 / 5)

# %% [markdown]
# Between the networks a lot of squares sit on the same face. **Non-maximum suppression** keeps the
# best: take the box with the highest score, drop all that overlap it too much, go on with what is
# left. Overlap is *intersection over union*,
#
# $$\mathrm{IoU}(A, B) = \frac{|A \cap B|}{|A \cup B|} = \frac{|A \cap B|}{|A| + |B| - |A \cap B|}$$

# %%
boxes = np.array([[10, 10, 30, 30], [12, 11, 32, 31], [40, 10, 60, 30]], np.float32)
print("IoU with the first box:", shared_with(boxes[0], boxes).round(3))

# %% [markdown]
# By hand: the first two share 18 x 19 = 342 pixels; 342 / (400 + 400 - 342) = 0.747.
#
# ## Exercise 13.1
#
# Write the overlap of two boxes. Boxes that do not touch share nothing; mind the two negative
# lengths whose product is positive.


# %% tags=["exercise"]
def overlap(a, b):
    """Intersection over union of two boxes, a float.

    a, b: (x0, y0, x1, y1) with x0 < x1 and y0 < y1.
    """
    raise NotImplementedError


# %%
check("13.1", overlap)

# %% [markdown]
# ## Exercise 13.2
#
# And the suppression itself. Three boxes in a row, with falling scores: the first overlaps the second, the
# second overlaps the third, the first and the third lie apart. Which of them stay? Decide before you write
# it: does a box that has been dropped still drop others?


# %% tags=["exercise"]
def best_boxes(boxes, scores, limit):
    """The indices of the boxes that stay, a list, by falling score.

    boxes: ndarray (N, 4), as in 13.1. scores: (N,), all different. limit: two boxes may both stay
    if they overlap by this much, or less.
    """
    raise NotImplementedError


# %%
check("13.2", best_boxes)

# %%
print("these stay:", non_maximum_suppression(boxes, np.array([0.8, 0.9, 0.7]), limit=0.5))
row = np.array([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]])
print("of the three in a row:", non_maximum_suppression(row, np.array([0.9, 0.8, 0.7]), limit=0.4))

# %% tags=["claim"]
claim(
    "the third one stays",
    non_maximum_suppression(row, np.array([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2],
)

# %% [markdown]
# The first and the third: what has been dropped is not there any more. So the order decides, and a face
# between two others may be lost with its box.
#
# ## What comes out
#
# It is a box, a score and five landmarks. (Without the detector's weights this shows what was stored.)

# %%
found = detector.detect(photo) if detector else Detections(
    *(np.array(stored["astronaut"][name], np.float32) for name in ("boxes", "scores", "landmarks"))
)  # fmt: skip
records = [face for face, _ in cut(photo, CropSettings(), lambda _: found)]

# %% tags=["drawing"]
ax = axes(4.4, 4.4)
ax.imshow(np.asarray(draw_faces(photo, records))[:220, 20:260])
ax.set_title(PHOTO, fontsize=8, color="0.4", loc="left")
ax.axis("off")
picture(
    ax,
    "The astronaut's portrait with one box around the face, its score above it, and dots on the "
    "eyes, the nose and the corners of the mouth.",
)

# %% [markdown]
# ## Alignment: five points to five points
#
# The paper's crop is the box, made square. But heads tilt, and a box does not say by how much. The
# landmarks do. A **template** says where the five points should be in the square, and we look for
# the turn, the scale and the shift that bring them there:
#
# $$y \approx s\,R_\varphi\,x + b$$
#
# Five points are ten equations for four unknowns ($s, \varphi$, and two of $b$), so least squares:
# minimise $\sum_i |y_i - (a x_i + b)|^2$. In the plane there is a trick that makes it short. Read a
# point $(x, y)$ as the complex number $x + iy$. Multiplying by $a = s e^{i\varphi}$ turns by
# $\varphi$ and scales by $s$; adding $b$ shifts. Now it is fitting a straight line, with complex
# numbers, and the answer is that of any straight line: with the means taken off,
#
# $$a = \frac{\sum \bar{x}_i\, y_i}{\sum |x_i|^2} \qquad b = \bar{y} - a\,\bar{x}$$
#
# Follow it by hand once. Two points $0$ and $2$ should go to $1$ and $1 + 2i$. The means are $1$ and
# $1 + i$; without them $x = (-1, 1)$, $y = (-i, i)$. So $a = (i + i)/2 = i$, a quarter turn without
# any scaling, and $b = 1 + i - i \cdot 1 = 1$. Indeed $i \cdot 2 + 1 = 1 + 2i$.

# %%
print(similarity([(0, 0), (2, 0)], [(1, 0), (1, 2)]))

# %% [markdown]
# ## Exercise 13.3
#
# Find $a$ and $b$ yourself, from points to complex numbers to a matrix. `np.vdot` takes the
# conjugate of its first argument.


# %% tags=["exercise"]
def turn_scale_shift(source, target):
    """The 2 x 3 matrix M with target ≈ M[:, :2] @ source + M[:, 2], for each of N points.

    source, target: ndarrays (N, 2), N >= 2. Multiplying by a complex a is the matrix
    [[a.real, -a.imag], [a.imag, a.real]].
    """
    raise NotImplementedError


# %%
check("13.3", turn_scale_shift)

# %% [markdown]
# The library's does the same, and refuses a target that no turn comes near:

# %%
print(inspect.getsource(similarity).split('"""')[2])

# %% [markdown]
# ## What it is good for
#
# Tilt the photo, find the face again, and cut it both ways. Before you look: which of the two ways undoes the
# tilt, and by how much will five crops of one photo still differ?

# %%
angles = (-25, -10, 0, 10, 25)
middle = np.array(photo.shape[1::-1]) / 2


def tilted(angle):
    """The photo turned about its middle, and where its landmarks and its box are then."""
    turned = Image.fromarray(photo).rotate(angle, Image.Resampling.BICUBIC)
    if detector:
        return np.asarray(turned), detector.detect(np.asarray(turned))
    kept = stored["tilted"][str(angle)]
    return np.asarray(turned), Detections(*(np.array(kept[n], np.float32) for n in kept))


panels = axes(8, 5, columns=5, rows=3)
spread = {"box": [], "aligned": []}
for column, angle in enumerate(angles):
    turned, one = tilted(angle)
    by_box = box_crop(turned, one.boxes[0], 96, margin=0.1)
    by_points = aligned_crop(turned, one.landmarks[0] - 0.5, 96)
    spread["box"].append(by_box), spread["aligned"].append(by_points)
    for row, image in enumerate((turned[:220, 20:260], by_box, by_points)):
        panels[row, column].imshow(image)
        panels[row, column].set(xticks=[], yticks=[])
    panels[0, column].set_title(f"{angle}°", fontsize=10)
for row, name in enumerate(("photo", "box", "aligned")):
    panels[row, 0].set_ylabel(name)
panels[2, 0].set_xlabel(PHOTO, fontsize=8, color="0.4", loc="left")
picture(
    panels,
    "Five copies of a portrait, tilted from left to right. Cut by the box, the faces in the "
    "second row are tilted as before. Cut by the five landmarks, in the third row, they are all "
    "upright and nearly the same.",
)

# %%
for name, crops in spread.items():
    off = np.std(np.array(crops, float), axis=0).mean()
    print(f"{name:8} mean standard deviation of a pixel over the five tilts: {off:.0f} of 255")

# %% tags=["claim"]
claim(
    "aligned crops differ far less",
    np.std(np.array(spread["aligned"], float), axis=0).mean()
    < np.std(np.array(spread["box"], float), axis=0).mean() / 3,
)

# %% [markdown]
# In the middle row the network would have to learn that a tilted head is the same head. In the last
# row there is next to nothing to learn. The paper could leave it to 200 million photos; whoever has
# 300 will be glad of it.
#
# Now the same with ORL. Six photos are stuck together, each shown in another size, and the detector looks
# for all of them. Which of the six will not be kept?


# %%
def collage():
    """Six ORL photos in one picture, (H, W, 1)."""
    page = np.full((330, 560, 1), 200, np.uint8)
    for number, (x, y, side) in enumerate(stored["collage"]["places"]):
        face = Image.fromarray(orl[40 * number, ..., 0]).resize((side, side))
        page[y : y + side, x : x + side, 0] = np.asarray(face)
    return page


orl = faces().images
page = collage()
found = detector.detect(page) if detector else Detections(
    *(np.array(stored["collage"][name], np.float32) for name in ("boxes", "scores", "landmarks"))
)  # fmt: skip
settings = CropSettings(select="all", min_size=45)
records = cut(page, settings, lambda _: found)

# %% tags=["drawing"]
ax = axes(7, 4.4)
ax.imshow(np.asarray(draw_faces(page, [face for face, _ in records])))
ax.set_title(CREDIT, fontsize=8, color="0.4", loc="left")
ax.axis("off")
picture(
    ax,
    "A grey page with six faces of different sizes, each in a numbered box with a score of nearly "
    "1. Five boxes are blue: kept. The smallest is vermilion: found, and not kept.",
)

# %%
for face, crop in records:
    kept = "kept" if crop is not None else face.reason
    print(f"face {face.number}: score {face.score:.3f}, {kept}")

# %% tags=["claim"]
claim("six faces, one of them not kept", [crop is None for _, crop in records].count(True) == 1)
claim("six faces", len(records) == 6)
claim("with a reason", all(face.reason for face, crop in records if crop is None))

# %% [markdown]
# Nothing is passed over in silence: a face that is not kept has its reason in the record.
#
# **Try next.** `minifacenet align PHOTOS FACES --show` does all this for a folder of your own,
# and draws what it saw. In this lesson, add `template="openface"` to `aligned_crop(...)` and
# look at what a tighter crop leaves out. And where does a mirror image go? Give `turn_scale_shift` a
# target with x turned into -x: no rotation can do that, and the library says so for a square.
