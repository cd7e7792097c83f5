"""What the paper reports of its own studies: VAL at FAR 0.001, as printed.

Its network learned from 100 to 200 million photos and is judged on others, so its figures are no
yardstick for ours. How they fall may be compared: as shares of the best.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperStudy:
    """One column of figures: VAL in percent by setting, and where it stands."""

    val: dict[float, float]
    source: str

    @property
    def shares(self) -> dict[float, float]:
        """Return each figure as a share of the best one."""
        best = max(self.val.values())
        return {setting: value / best for setting, value in self.val.items()}


PAPER = {
    "jpeg": PaperStudy(
        {10: 67.3, 20: 81.4, 30: 83.9, 50: 85.5, 70: 86.1, 90: 86.5}, "Table 4, JPEG quality, NN1"
    ),
    # By the side: 40 x 40 are the table's 1,600 pixels.
    "pixels": PaperStudy(
        {40: 37.8, 80: 79.5, 120: 84.5, 160: 85.7, 256: 86.4}, "Table 4, pixels of a face, NN1"
    ),
    "quantise": PaperStudy({8: 87.9, 32: 87.9}, "section 5.4: 128 bytes 'without loss'"),
    "dim": PaperStudy({64: 86.8, 128: 87.9, 256: 87.7, 512: 85.6}, "Table 5, dimensions, NN1"),
    # By millions of photos: the paper does not say of how many people.
    "people": PaperStudy(
        {2.6: 76.3, 26: 85.1, 52: 85.1, 260: 86.2},
        "Table 6, 2.6, 26, 52 and 260 million photos, a network for 96x96",
    ),
}
