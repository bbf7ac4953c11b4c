from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from itaclip_mmseg.models.backbones.clip import load_clip
from itaclip_mmseg.scenes import evaluation, tiny_clip
from itaclip_mmseg.scenes.names import NAMES
from itaclip_mmseg.scenes.optimization import learning_rate
from itaclip_mmseg.scenes.pictures import Pictures, cut_windows
from itaclip_mmseg.scenes.settings import Stage, TrainingSettings, shipped_stages
from itaclip_mmseg.scenes.texts import Texts
from itaclip_mmseg.scenes.tiny_clip import TinyCLIP, load_weights
from itaclip_mmseg.scenes.training import Training
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.errors import UserError

STAGES = (
    Stage(32, 4, 2, 1e-3, windows=4, sides=(144, 336)),
    Stage(48, 3, 2, 1e-3, windows=3, sides=(190, 300), compete=1.0),
)


class Killed(Exception):
    """What ends a training in the middle."""


@pytest.fixture(scope='module')
def texts() -> Texts:
    """Of the scenes' own bank."""
    return Texts(load_bank('data/text_bank/scenes.json'))


@pytest.fixture(scope='module')
def pictures() -> dict[int, Pictures]:
    """Windows of two scenes."""
    scenes = [cut_windows(seed, STAGES) for seed in (0, 1)]
    return {
        stage.size: Pictures(*(np.concatenate(parts) for parts in zip(*cuts)))
        for stage, cuts in zip(STAGES, zip(*scenes))
    }


@pytest.fixture
def settings(tmp_path, monkeypatch) -> TrainingSettings:
    """Of a training of seconds, which saves after every step and is not evaluated."""
    monkeypatch.setattr('itaclip_mmseg.scenes.training.evaluate', lambda *_: 'not evaluated')
    (tmp_path / 'cache').mkdir()
    return TrainingSettings(
        STAGES, tmp_path / 'one.safetensors', tmp_path / 'cache', scenes=2, threads=1, minutes_between=0
    )


@pytest.mark.slow
def test_a_resumed_training_is_an_unbroken_one(settings, texts, pictures, monkeypatch):
    """Protects the checkpoint, bit for bit: killed in the first stage, at its end and in the second, and taken up."""
    monkeypatch.setattr(tiny_clip, 'BLOCKS', 2)
    whole = Training(settings, texts)
    whole.run(pictures)
    broken = replace(settings, out=Path(settings.out).with_name('two.safetensors'))
    save = Training.save
    for _ in range(3):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Training, 'save', lambda self, stage: (save(self, stage), kill()))
            Training(broken, texts).run(pictures)
    resumed = Training(broken, texts)
    assert (resumed.stage, resumed.step) == (1, 1)
    resumed.run(pictures)
    fresh = TinyCLIP(STAGES[-1].size, len(texts.token_ids)).state_dict()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert not torch.equal(fresh['clip.visual.proj'], whole.model.state_dict()['clip.visual.proj'])
    assert settings.out.read_bytes()[-1000:] == broken.out.read_bytes()[-1000:]


def kill() -> None:
    """End the training."""
    raise Killed


@pytest.mark.slow
def test_weights_are_what_the_package_reads(settings, texts, pictures, monkeypatch):
    """Protects the file: `load_clip` and `load_weights` read it; its figures are those of the model, to float16."""
    training = Training(replace(settings, stages=STAGES[:1]), texts)
    training.run(pictures)
    clip = load_clip(None, str(settings.out))
    torch.testing.assert_close(clip.visual.proj, training.model.clip.visual.proj.detach(), atol=1e-4, rtol=1e-3)
    monkeypatch.setattr(evaluation, 'EVALUATION_SCENES', 1)
    model = load_weights(settings.out, 32, texts)
    assert evaluation.evaluate(model, texts, 32).startswith('identity ')
    with pytest.raises(UserError, match='no such weights'):
        load_weights(settings.out.with_name('none.safetensors'), 32, texts)


def test_learning_rate_warms_up_and_falls():
    stage = STAGES[0]._replace(steps=100)
    rates = [learning_rate(step, stage) for step in range(100)]
    assert max(rates) == rates[20] == stage.learning_rate
    assert rates[:20] == sorted(rates[:20]) and rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] < 0.06 * stage.learning_rate


@pytest.mark.parametrize(
    ('change', 'message'),
    [(dict(scenes=0), 'scenes=0: too small'), (dict(threads=0), 'threads=0'), (dict(seed=-1), 'seed=-1')],
)
def test_impossible_settings_are_one_line(settings, change, message):
    with pytest.raises(UserError, match=message):
        replace(settings, **change)


@pytest.mark.parametrize('steps', [(0, 0), (1, 1, 0), (1,) * 4])
def test_impossible_steps_are_one_line(steps):
    with pytest.raises(UserError, match='must be three numbers, each at least 1'):
        shipped_stages(steps)


def test_stages_of_one_size_share_pictures():
    """Two files of pictures for three stages; no batch is larger than what is drawn."""
    settings = TrainingSettings(shipped_stages((1, 1, 1)), Path('out.safetensors'), Path('cache'))
    assert [stage.size for stage in settings.drawn] == [112, 224]
    assert settings.fewest_scenes == 26 and len(NAMES) == 22
