"""Settings of the small CLIP's training, and shared constants."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from itaclip_mmseg.utils.errors import UserError

WIDTH, BLOCKS, TEXT_BLOCKS, CONTEXT, PATCH = 128, 12, 2, 77, 16
FIRST_SEED = 1_000_000  # of training scenes; those of the validation split start at 0
EVALUATION_SEED, EVALUATION_SCENES = 900_000, 24


class Stage(NamedTuple):
    """A stage of the training at one resolution."""

    size: int  # of pictures, in pixels
    batch: int
    steps: int
    learning_rate: float
    windows: int  # images cut from each scene
    sides: tuple[int, int]  # of those windows, before they are resized to `size`
    compete: float = 0.0  # weight of the loss in which names compete for patches


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training run; the same settings give the same weights, unless a run is interrupted.

    Args:
        stages: stages in order; stages of the same size share their images.
        out: file for the weights, .safetensors.
        cache_dir: folder for images and checkpoint.
        scenes: number of scenes to draw.
        seed: seed of scenes, model and batches.
        threads: number of CPU threads, for drawing and training.
        bfloat16: use bfloat16 for matrix products at 224 pixels.
        minutes_between: minutes between evaluations and checkpoints.

    Raises:
        UserError: a setting is invalid.
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
        """Number of scenes that fill the largest batch."""
        return max(-(-stage.batch // stage.windows) for stage in self.stages)

    @property
    def drawn(self) -> list[Stage]:
        """First stage of each size, for which images are drawn."""
        return list({stage.size: stage for stage in reversed(self.stages)}.values())[::-1]

    @property
    def checkpoint(self) -> Path:
        """Path of the checkpoint."""
        return self.cache_dir / f'{self.out.stem}.checkpoint.pt'

    @property
    def command(self) -> str:
        """Command that trains these weights, without paths of a machine."""
        steps = [stage.steps for stage in self.stages]
        parts = ['--seed', self.seed, '--scenes', self.scenes, '--steps', *steps, *['--bfloat16'] * self.bfloat16]
        return ' '.join(map(str, ['python tools/train_tiny_clip.py', *parts]))


def shipped_stages(steps: Sequence[int]) -> tuple[Stage, ...]:
    """Stages of the shipped weights: at 112 pixels, at 224, and at 224 with competition of names.

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
