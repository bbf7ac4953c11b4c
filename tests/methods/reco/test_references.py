"""References from a folder of pictures, through their tool, on small weights."""

import json

import pytest
import torch
from golden import arrays, hold, photo
from PIL import Image
from safetensors.torch import load_file

from itaclip_mmseg.methods.reco import references

SIZES = ((200, 260), (256, 224), (224, 300), (150, 150))


@pytest.fixture(scope='module')
def index(tmp_path_factory):
    """The 24 pictures of the recording, in two folders."""
    root = tmp_path_factory.mktemp('index')
    for number in range(24):
        folder = root / f'part{number % 2}'
        folder.mkdir(exist_ok=True)
        Image.fromarray(photo(50 + number, *SIZES[number % 4])).save(folder / f'{number:02d}.png')
    return root


@pytest.fixture
def run(network_weights, index, tmp_path, run_tool):
    def run(classes: str, *arguments: str, images=index, out='out.safetensors'):
        options = [
            'retrieval.arch=None',
            f'retrieval.pretrained={network_weights["clip"]}',
            'model.backbone.arch=None',
            f'model.backbone.pretrained={network_weights["deit"]}',
            'model.dense.arch=None',
            f'model.dense.pretrained={network_weights["resnet_clip"]}',
            'cosegmentation.pictures=4',
        ]
        options = ['--images', images, *arguments, '--cfg-options', *options]
        done = run_tool('make_references', classes, tmp_path / out, *options)
        return done.returncode, done.stderr

    return run


@pytest.mark.slow
def test_references_equal_the_public_code_and_a_killed_run_goes_on(run, tmp_path, monkeypatch):
    """Interrupted at the third class: what was embedded and made is not computed again."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    recorded = arrays('reco')
    classes = json.loads(str(recorded['categories']))['categories']
    made, cosegment = [], references.cosegment

    def stop_at_the_third(paths, *arguments):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(paths)
        return cosegment(paths, *arguments)

    monkeypatch.setattr(references, 'cosegment', stop_at_the_third)
    assert run('; '.join(classes))[0] == 'interrupted' and not (tmp_path / 'out.safetensors').exists()
    monkeypatch.setattr(references, 'cosegment', lambda *arguments: made.append(arguments[0]) or cosegment(*arguments))
    monkeypatch.setattr(references, 'embed', None)
    assert run('; '.join(classes)) == (0, '')
    assert len(made) == 10  # all but vegetation, which takes tree's; none twice
    found = load_file(tmp_path / 'out.safetensors')
    hold('references', torch.stack([found[name] for name in classes]), recorded['references'], atol=1e-6)


def test_faults_end_in_one_line(run, tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'faulty').mkdir()
    (tmp_path / 'faulty/a.jpg').write_text('no picture')
    for arguments, named in (
        (dict(images=tmp_path / 'empty'), '--images'),
        (dict(images=tmp_path / 'faulty'), 'a.jpg: not readable as an image'),
        (dict(out='out.pkl'), 'out.pkl: references are saved as .safetensors'),
    ):
        code, error = run('road', **arguments)
        assert code == 1 and error.startswith('error: ') and named in error and len(error.splitlines()) == 1
