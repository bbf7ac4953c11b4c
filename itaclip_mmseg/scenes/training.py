"""Train the small CLIP in stages of increasing resolution, with checkpoints.

train(settings, bank): images -> for each stage and step: batch -> losses -> optimiser; save regularly
"""

import json
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from itaclip_mmseg.scenes.evaluation import evaluate
from itaclip_mmseg.scenes.losses import competition_loss, contrast, presence_loss
from itaclip_mmseg.scenes.optimization import learning_rate, make_optimizer
from itaclip_mmseg.scenes.pictures import Pictures, augment, load_pictures, to_tensor
from itaclip_mmseg.scenes.settings import Stage, TrainingSettings
from itaclip_mmseg.scenes.texts import Texts
from itaclip_mmseg.scenes.tiny_clip import TinyCLIP, encode_image, encode_text, enlarge_positions, save_weights
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.utils.progress import ProgressBar
from itaclip_mmseg.utils.resources import written_whole


def train(settings: TrainingSettings, bank: TextBank) -> None:
    """Train, from the last checkpoint if there is one, and write the weights.

    Raises:
        UserError: the bank is not the one of the scenes.
    """
    torch.set_num_threads(settings.threads)
    torch.set_flush_denormal(True)  # a third faster: the optimiser's averages of rare words become denormal
    texts = Texts(bank)
    pictures = load_pictures(settings)
    training = Training(settings, texts)
    count = sum(value.numel() for value in training.model.clip.parameters())
    drawn = ' and '.join(f'{len(some.images)} pictures at {size} px' for size, some in pictures.items())
    log(f'{count} parameters, {len(texts.token_ids)} tokens, {drawn}')
    training.run(pictures)
    log(f'{settings.out}: {settings.out.stat().st_size} bytes after {training.minutes:.1f} minutes')


def log(message: str) -> None:
    """Print a line with the time of day."""
    print(f'{time.strftime("%H:%M:%S")} {message}', flush=True)


def step_losses(
    model: TinyCLIP, texts: Texts, pictures: Pictures, stage: Stage, rng: np.random.Generator, bfloat16: bool
) -> Sequence[Tensor]:
    """Losses of a batch: contrast of captions, presence of names and competition of names."""
    chosen = np.sort(rng.choice(len(pictures.images), stage.batch, replace=False))
    order = rng.permutation(chosen[pictures.named[chosen].any(axis=1)])
    named = pictures.named[order]
    images = augment(to_tensor(pictures.images[order]), rng)
    captions = texts.batch([texts.caption(one, rng) for one in named])
    prompts = texts.batch(texts.prompts(rng))
    named = torch.from_numpy(named)
    with torch.autocast('cpu', torch.bfloat16, enabled=bfloat16 and stage.size == 224):
        cls, patches = encode_image(model.clip.visual, images)
        captions, prompts = encode_text(model.clip, captions), encode_text(model.clip, prompts)
    logits = model.patch_scale.exp().clamp(max=60) * patches @ prompts.T  # N x L x names
    return (
        contrast(cls, captions, model.clip.logit_scale, named),
        presence_loss(logits, model.patch_offset, named),
        competition_loss(logits, named),
    )


class Training:
    """State of a training run: stage, step, model, optimiser, minutes spent.

    Args:
        settings: settings of the run; if their checkpoint exists, the run is resumed.
        texts: captions and prompts.
    """

    def __init__(self, settings: TrainingSettings, texts: Texts) -> None:
        self.settings, self.texts = settings, texts
        self.stage, self.step, self.minutes = 0, 0, 0.0
        self.build()
        if settings.checkpoint.is_file():
            self.resume()

    def build(self) -> None:
        """Create model and optimiser for the current stage."""
        torch.manual_seed(self.settings.seed)
        self.model = TinyCLIP(self.settings.stages[self.stage].size, len(self.texts.token_ids))
        self.optimizer = make_optimizer(self.model)

    def resume(self) -> None:
        """Resume from the checkpoint."""
        saved = torch.load(self.settings.checkpoint, weights_only=True)
        self.stage, self.step, self.minutes = saved['stage'], saved['step'], saved['minutes']
        self.build()
        self.model.load_state_dict(saved['model'])
        self.optimizer.load_state_dict(saved['optimizer'])
        log(f'resumed at stage {self.stage}, step {self.step}')

    def run(self, pictures: dict[int, Pictures]) -> None:
        """Train the remaining stages, each on the images of its size."""
        stages = self.settings.stages
        while True:
            self.run_stage(stages[self.stage], pictures[stages[self.stage].size])
            if self.stage == len(stages) - 1:
                return
            state = self.model.state_dict()
            self.stage, self.step = self.stage + 1, 0
            self.build()
            self.model.load_state_dict(enlarge_positions(state, stages[self.stage].size))

    def run_stage(self, stage: Stage, pictures: Pictures) -> None:
        """Train a stage to the end; evaluate and save every few minutes and at the end."""
        started = last = time.monotonic()
        first, before, losses = self.step, self.minutes, []
        with ProgressBar(f'steps at {stage.size} px', stage.steps, self.step) as bar:
            while self.step < stage.steps:
                losses.append(self.take_step(stage, pictures))
                bar.advance()
                self.minutes = before + (time.monotonic() - started) / 60
                if time.monotonic() - last > self.settings.minutes_between * 60 or self.step == stage.steps:
                    rate = (self.step - first) * stage.batch / (time.monotonic() - started)
                    log(f'{stage.size} px, step {self.step}, {rate:.0f} images/s, losses {np.mean(losses, 0).round(3)}')
                    self.save(stage)
                    last, losses = time.monotonic(), []

    def take_step(self, stage: Stage, pictures: Pictures) -> list[float]:
        """Take one optimiser step and return the losses."""
        for group in self.optimizer.param_groups:
            group['lr'] = learning_rate(self.step, stage)
        # Depends only on seed and step, so that a resumed run equals an uninterrupted one.
        rng = np.random.default_rng((self.settings.seed, self.stage, self.step))
        losses = step_losses(self.model, self.texts, pictures, stage, rng, self.settings.bfloat16)
        self.optimizer.zero_grad(set_to_none=True)
        (losses[0] + losses[1] + stage.compete * losses[2]).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return [float(loss.detach()) for loss in losses]

    def save(self, stage: Stage) -> None:
        """Evaluate, then write checkpoint and weights (at the final size, so they can be used at any time)."""
        result = evaluate(self.model, self.texts, stage.size)
        log(f'mIoU of patches: {result}')
        state = dict(model=self.model.state_dict(), optimizer=self.optimizer.state_dict())
        with written_whole(self.settings.checkpoint) as temporary:
            torch.save(dict(stage=self.stage, step=self.step, minutes=self.minutes, **state), temporary)
        size = self.settings.stages[-1].size
        shipped = TinyCLIP(size, len(self.texts.token_ids))
        shipped.load_state_dict(enlarge_positions(state['model'], size))
        metadata = dict(
            seed=self.settings.seed,
            command=self.settings.command,
            steps=json.dumps([done.steps for done in self.settings.stages[: self.stage]] + [self.step]),
            minutes=f'{self.minutes:.1f}',
            patch_miou=result,
        )
        save_weights(self.settings.out, shipped, self.texts, metadata)
