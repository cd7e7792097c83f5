"""Pictures of arrays: each function draws on Axes and returns them; nothing is computed here.

Every room from `preprocessing` up may import it: `from minifacenet import plots`. It must not know
where its arrays come from, nor touch pyplot or a global setting.
"""

from .distances import distance_histograms, roc
from .style import AS_IT_IS, BOLD, DASHES, DIFFERENT, HUES, SAME, new_axes, save
from .training import training_curves

__all__ = [
    "AS_IT_IS",
    "BOLD",
    "DASHES",
    "DIFFERENT",
    "HUES",
    "SAME",
    "distance_histograms",
    "new_axes",
    "roc",
    "save",
    "training_curves",
]
