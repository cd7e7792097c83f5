"""The page of a training under way, `training.html`: it is written again and again while one learns.

`commands` imports this package. It is an `Observer` that draws what it is told, and must not know
how a step is computed, nor change anything that the next one depends on.
"""

from .watcher import TrainingPage

__all__ = ["TrainingPage"]
