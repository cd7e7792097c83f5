"""The page of a training under way, `training.html`: it is written anew while a network learns.

`commands` imports this package. It is an `Observer` that draws what it is told, and must not know
how a step is computed, nor change anything that the next one depends on.
"""

from .watcher import TrainingPage

__all__ = ["TrainingPage"]
