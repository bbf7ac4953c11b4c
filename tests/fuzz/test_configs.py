"""Overrides and settings as people mistype them: taken, or refused in one line."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import WILD, Answers

from itaclip_mmseg.engine.checks import check_config
from itaclip_mmseg.engine.config import load_config, parse_options
from itaclip_mmseg.scenes.dataset import write_scenes
from itaclip_mmseg.settings import Pamr, Settings
from itaclip_mmseg.window import Window

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'
ONE_LINE = [value for value in WILD if value != 'a\nb']  # a folder of that name would be named as it is


def test_options(rounds):
    """Any text behind --cfg-options."""
    answers = Answers('--cfg-options')

    @settings(max_examples=len(rounds(150)), deadline=None, derandomize=True, database=None)
    @given(st.lists(st.text('ab=.,()[]"\'1- \n', max_size=10), max_size=3))
    def check(options):
        with answers.one():
            found = parse_options(options)
            assert len(found) <= len(options) and all('=' in option for option in options)

    check()
    answers.close('options')


def test_overrides(tmp_path, rounds):
    """Every key of a config in turn, with a value of another kind."""
    write_scenes(tmp_path, num_images=1)
    here = {'test_dataloader.dataset.data_root': str(tmp_path)}
    config = load_config(CONFIG, here).to_dict()
    answers = Answers('')
    paths = [path for path in key_paths(config) if path.split('.')[0] in ('model', 'test_dataloader', 'test_evaluator')]
    for seed in rounds(20):
        random = Random(seed)
        path = random.choice(paths)
        with answers.one():
            check_config(load_config(CONFIG, here | {path: random.choice(ONE_LINE)}))
    answers.close('overrides')


def key_paths(content, prefix=''):
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield f'{prefix}{key}'
        if isinstance(value, dict | list):
            yield from key_paths(value, f'{prefix}{key}.')


def test_settings(rounds):
    """Values of every kind for everything that may vary; what is taken is a value that is allowed."""
    answers, window = Answers('allowed'), Window((224, 224), (112, 112))
    good = dict(
        auxiliary='definition', text_coefficient=0.05, image_coefficient=0.7, image_engineering=True,
        pamr=dict(num_iters=3), logit_scale=60, prob_threshold=0.1, area_threshold=None, closing_kernel=3,
        background_set=True,
    )  # fmt: skip
    for seed in rounds(300):
        random = Random(seed)
        values = {key: random.choice(WILD) if random.random() < 0.1 else value for key, value in good.items()}
        with answers.one():
            made = Settings.from_config(values, window, dict(attention=('qq', 'kk')))
            assert 0 <= made.text_coefficient <= 1 and made.auxiliary in ('definition', 'synonym', None)
            assert made.pamr is None or isinstance(made.pamr, Pamr)
            made.vary({random.choice([*good, 'stride', 'attention', 'x']): random.choice(WILD)})
    answers.close('settings')
