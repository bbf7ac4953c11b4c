"""What a training of the small CLIP is decided by, and the constants that its parts share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from itaclip_mmseg.utils.errors import UserError

WIDTH, BLOCKS, TEXT_BLOCKS, CONTEXT, PATCH = 128, 12, 2, 77, 16
FIRST_SEED = 1_000_000  # of training scenes; those of the validation split start at 0
EVALUATION_SEED, EVALUATION_SCENES = 900_000, 24


class Stage(NamedTuple):
    """A part of the training at one resolution."""

    size: int  # of pictures, in pixels
    batch: int
    steps: int
    learning_rate: float
    windows: int  # pictures cut from each scene
    sides: tuple[int, int]  # of those windows, before they are resized to `size`
    compete: float = 0.0  # weight of the loss that names compete for patches


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training; two with the same settings give the same weights, but for where it is killed.

    Args:
        stages: one after the other; stages of one size share their pictures.
        out: the weights, .safetensors.
        cache_dir: folder of pictures and checkpoint.
        scenes: how many are drawn beforehand.
        seed: of scenes, model and batches.
        threads: of the processor, for drawing and for training.
        bfloat16: multiply in it at 224 pixels.
        minutes_between: evaluations and checkpoints.

    Raises:
        UserError: a setting is impossible.
    """

    stages: tuple[Stage, ...]
    out: Path
    cache_dir: Path
    scenes: int = 12000
    seed: int = 0
    threads: int = 2
    bfloat16: bool = False
    minutes_between: float = 4.0

    def __post_init__(self) -> None:
        for name, least in (('seed', 0), ('threads', 1), ('minutes_between', 0), ('scenes', self.fewest_scenes)):
            if getattr(self, name) < least:
                raise UserError(f'{name}={getattr(self, name)}: too small; must be at least {least}')

    @property
    def fewest_scenes(self) -> int:
        """As many as fill the largest batch."""
        return max(-(-stage.batch // stage.windows) for stage in self.stages)

    @property
    def drawn(self) -> list[Stage]:
        """The first stage of each size: what pictures are drawn for."""
        return list({stage.size: stage for stage in reversed(self.stages)}.values())[::-1]

    @property
    def checkpoint(self) -> Path:
        """Where the training is kept while it runs."""
        return self.cache_dir / f'{self.out.stem}.checkpoint.pt'

    @property
    def command(self) -> str:
        """The call that makes these weights, without the paths of a machine."""
        steps = [stage.steps for stage in self.stages]
        parts = ['--seed', self.seed, '--scenes', self.scenes, '--steps', *steps, *['--bfloat16'] * self.bfloat16]
        return ' '.join(map(str, ['python tools/train_tiny_clip.py', *parts]))


def shipped_stages(steps: Sequence[int]) -> tuple[Stage, ...]:
    """The stages of the weights that the package ships: at 112 pixels, at 224, at 224 with names that compete.

    Raises:
        UserError: not three numbers of steps, or one below 1.
    """
    if len(steps) != 3 or min(steps) < 1:
        raise UserError(f'steps={" ".join(map(str, steps))}: must be three numbers, each at least 1')
    small, large = dict(windows=5, sides=(144, 336)), dict(windows=2, sides=(190, 300))
    return (
        Stage(112, 128, steps[0], 1e-3, **small),
        Stage(224, 48, steps[1], 5e-4, **large),
        Stage(224, 48, steps[2], 3e-4, **large, compete=1.0),
    )
