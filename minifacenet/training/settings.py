"""The settings of a training, checked when they are made."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field

import numpy as np

from ..embedding.architectures import Architecture
from ..embedding.augmentation import Augmentation
from ..embedding.mining import LISTED_RULES, RULES
from ..files.stored import check_fields, option, settings_of
from ..files.words import either, shortened
from ..nn.optim import OPTIMIZERS
from ..preprocessing.faces import Faces


@dataclass(frozen=True)
class TrainConfig:
    """Everything that determines a training run, besides the model and the photos.

    Parameters
    ----------
    steps : int
    people, photos : int
        P and K of a batch.
    chunk : int or None
        How many photos go through the network at once. A larger batch is embedded in chunks that
        keep nothing, mined as a whole, and sent through again chunk by chunk for the gradient: it
        takes the memory of a chunk and one more forward, for the same gradient. None: all at once.
    extra_negatives : int
        Photos of other people that a batch also holds, one each.
    margin : float
        The paper's alpha.
    mining : str
        A rule of `mining.RULES`, or several with the step at which each begins:
        'semi-hard, hardest@200'.
    mine_every, mine_over : int
        Offline mining: every `mine_every` steps, and when all are used up, triplets are chosen over
        at least `mine_over` photos and trained on in batches of P x K photos, without extra
        negatives (see `offline.py`); a new rule begins with the next mining. 0: within each batch.
    optimizer : 'adagrad', 'adam' or 'sgd'
    rate : float
        Learning rate at the start; it falls to zero along a half cosine ("started with 0.05 ...
        lowered", section 3).
    weight_decay : float
        What the weights of convolutions and linear maps lose: a step takes rate * weight_decay of
        each away, whatever its gradient (see `nn.optim`).
    freeze : str
        Rows whose parameters stay as they are, comma separated: 'conv1,conv2a'; or all rows besides
        some: 'all-but fc7128' (see `freezing.py`).
    augmentation : Augmentation or None
    seed : int
        Of batches and augmentation.
    """

    steps: int = option(150, "Training steps.", min=1)
    people: int = option(32, "People in a batch (P); fewer if there are.", min=2)
    photos: int = option(5, "Photos of each in a batch (K), or all they have.", min=2)
    chunk: int | None = option(
        None, "Photos in memory at once; a larger batch goes in two passes.", min=1
    )
    extra_negatives: int = option(0, "Photos of other people in a batch, one each.", min=0)
    margin: float = option(0.2, "The triplet loss's alpha, in squared L2.")
    mining: str = option("semi-hard", f"{either(RULES)}; 'semi-hard, hardest@100'.")
    mine_every: int = option(0, "Mine offline every so many steps; 0: within each batch.", min=0)
    mine_over: int = option(1800, "Photos that offline mining sees.", min=3)
    optimizer: str = option("adam", f"{either(OPTIMIZERS)}; the paper's is adagrad.")
    rate: float = option(5e-4, "Learning rate at the start.")
    weight_decay: float = option(
        0.0, "Share of a weight that a step at rate 1 takes away; 0: none.", min=0
    )
    freeze: str = option("", "Rows that do not learn: 'conv1,conv2a', or 'all-but fc7128'.")
    augmentation: Augmentation | None = option(
        Augmentation,
        "Show each photo a little turned, shifted, brighter each time.",
        name="augment",
    )
    seed: int = option(0, "Draws weights, batches and the people held out.", min=0)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise ValueError(f"optimizer {shortened(self.optimizer)} is none of {known}")
        schedule = self.schedule()
        if self.mine_every and "all" in [rule for _, rule in schedule]:
            raise ValueError(
                "offline mining keeps a list of triplets, and 'all' gives too many: take one of "
                f"{', '.join(LISTED_RULES)}"
            )
        if not self.rate > 0:
            raise ValueError(f"the learning rate must be positive, got {self.rate}")
        if not 0 < self.margin < 4:
            raise ValueError(f"the margin must lie between 0 and 4 (squared L2), got {self.margin}")

    def schedule(self) -> list[tuple[int, str]]:
        """Return the mining rules in order, each with the step at which it begins (from 1)."""
        schedule = []
        for entry in self.mining.split(","):
            rule, at, start = entry.strip().partition("@")
            if rule not in RULES or not re.fullmatch(r"(@[1-9][0-9]*)?", at + start):
                raise ValueError(
                    f"mining is one of {', '.join(RULES)}, or several such as "
                    f"'semi-hard, hardest@200', got {shortened(self.mining)}"
                )
            schedule.append((int(start or 1), rule))
        if len({start for start, _ in schedule}) < len(schedule):
            raise ValueError(
                f"two mining rules begin at one step in {shortened(self.mining)}: give each its "
                "own, such as 'semi-hard, hardest@200'"
            )
        return sorted(schedule)

    def rule_at(self, step: int) -> str:
        """Return the mining rule in force at a step; the first also holds before it begins."""
        schedule = self.schedule()
        return [rule for start, rule in schedule if start <= step or start == schedule[0][0]][-1]


# These change no weight; of models the digests are compared.
HABITS = ("save_every", "patience", "stop_collapsed", "init", "harmonic")
HARMONIC_BY = ("people", "photos", "vectors")
MIXED_OFFLINE = (
    "offline mining keeps triplets of one network, and a harmonic training mixes two: leave out "
    "--mine-every"
)


@dataclass(frozen=True)
class TrainingRunConfig:
    """A training and how it watches itself.

    Parameters
    ----------
    architecture : Architecture
    training : TrainConfig
    held_out : float
        Share of the people with two photos who are held out to judge the training; 0: nobody.
    far : float
        The false accept rate at which VAL is taken.
    check_every, save_every : int
        Steps between two checks, and at most between two saves.
    patience : int
        Stop after so many checks without a VAL within a standard error of the best; 0: never.
    stop_collapsed : int
        Stop after so many collapsed steps in a row; 0: never.
    average : float
        Checks, thresholds and the model take a running average of the weights, which keeps this
        share of itself at each step (see `average.py`); 0: the weights as they are.
    init : str or None
        Begin with the weights of this model, where they fit (see `starting.py`): a run's folder, a
        file or a published network. It may move: its digest says which one it was.
    init_digest : str or None
        The digest of that model. `run_training` looks it up.
    harmonic : str or None
        Learn vectors that compare with those of this older model (see `harmonic.py`). It may move.
    harmonic_by : 'people', 'photos' or 'vectors'
    harmonic_digest : str or None
        As `init_digest`.
    held_out_of : 'pairs' or 'people'
        Whether `held_out` is a share of the people with two photos or more, or of all, as it is in
        trainings that older versions have begun.
    """

    architecture: Architecture = field(default_factory=Architecture)
    training: TrainConfig = field(default_factory=TrainConfig)
    held_out: float = option(
        0.2, "Share of the people with pairs who judge the training; 0: nobody."
    )
    far: float = option(0.01, "False accept rate at which VAL is taken.")
    check_every: int = option(25, "Steps between two checks.", min=1)
    save_every: int = option(50, "Steps between two saves.", min=1)
    patience: int = option(0, "Stop after so many checks without a better VAL; 0: never.", min=0)
    stop_collapsed: int = option(0, "Stop after so many collapsed steps in a row; 0: never.", min=0)
    average: float = option(
        0.0, "Judge and keep an average of the weights, such as 0.999; 0: none.", min=0
    )
    init: str | None = option(None, "Begin with the weights of this model: a folder, file or name.")
    init_digest: str | None = None
    harmonic: str | None = option(
        None, "Learn vectors that compare with those of this model: a folder, file or name."
    )
    harmonic_by: str = option(
        HARMONIC_BY[0],
        f"{either(HARMONIC_BY)}: triplets of both models; those of nameless photos; no triplets.",
    )
    harmonic_digest: str | None = None
    held_out_of: str = field(default="pairs", compare=False)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.harmonic_by not in HARMONIC_BY:
            raise ValueError(
                f"harmonic_by is one of {', '.join(HARMONIC_BY)}, got {shortened(self.harmonic_by)}"
            )
        if self.harmonic is None and self.harmonic_by != HARMONIC_BY[0]:
            raise ValueError(
                f"harmonic_by {self.harmonic_by} needs the older model: name it with --harmonic"
            )
        if self.harmonic is not None and self.training.mine_every:
            raise ValueError(MIXED_OFFLINE)
        if not 0 <= self.held_out < 1:
            raise ValueError(f"held_out is a share of the people, 0 to 1, got {self.held_out}")
        if not 0 < self.far <= 1:
            raise ValueError(f"far is a false accept rate above 0, got {self.far}")
        if not self.average < 1:
            raise ValueError(
                f"average is the share that an average keeps, less than 1 such as 0.999, got "
                f"{self.average}"
            )

    def settings(self, faces: Faces) -> dict:
        """Return what determines the weights, JSON-able: a resumed training must agree in it."""
        of_faces = {
            "photos": len(faces),
            "people": len(np.unique(faces.labels)),
            "content": faces.content,
        }
        own = asdict(self)
        free = {name: own.pop(name) for name in HABITS}
        return {**own, "faces": of_faces, FREE: free}

    @classmethod
    def of(cls, settings: dict) -> TrainingRunConfig:
        """Return the configuration with these `settings`, perhaps of an older version.

        What that version did not know yet gets its default, which is what it did; of
        `held_out_of` it is 'people'.

        Raises
        ------
        ValueError, TypeError, KeyError
            They are not what `settings` gives, or are of a newer version.
        """
        own = {"held_out_of": "people", **settings, **settings.get(FREE, {})}
        del own["faces"]
        own.pop(FREE, None)
        return settings_of(cls, own)

    @classmethod
    def completed(cls, settings: dict) -> dict:
        """Return `settings` of an older version plus what it did not know; errors as in `of`."""
        own = asdict(cls.of(settings))
        return {**settings, **{name: own[name] for name in own if name not in HABITS}}


FREE = "free"
