"""Region maps of a folder of pictures, through the tool."""

import numpy as np
import pytest
from PIL import Image

from itaclip_mmseg.datasets.preparation.regions import connected_regions
from itaclip_mmseg.models.stages.region_felzenszwalb import FelzenszwalbRegions
from itaclip_mmseg.models.stages.regions import read_regions


@pytest.fixture
def make(run_tool):
    """Run the tool: what it prints, or its error."""

    def run(*arguments) -> str:
        done = run_tool('make_regions', *arguments)
        return (done.stdout or done.stderr).strip()

    return run


def test_connected_pixels_of_one_label():
    """Diagonal neighbours belong together; what the truth does not know lies in no region."""
    labels = np.uint8([[0, 0, 1, 255], [1, 0, 0, 1], [1, 0, 1, 0]])
    expected = np.array([[1, 1, 2, 0], [3, 1, 1, 2], [3, 1, 2, 1]])
    pairs = {(one, other) for one, other in zip(connected_regions(labels).flat, expected.flat, strict=True)}
    assert len(pairs) == 4 and (0, 0) in pairs  # the same regions, whatever their numbers


def test_the_truth_of_label_maps(make, tmp_path):
    labels = np.uint8([[0, 0, 1], [2, 0, 1]])
    (tmp_path / 'maps/deep').mkdir(parents=True)
    Image.fromarray(labels).save(tmp_path / 'maps/deep/one.png')
    assert (
        make(tmp_path / 'maps', '--out', tmp_path / 'out', '--truth')
        == f'{tmp_path}/out: 1 region maps, 0 kept, 1 written'
    )
    assert read_regions(tmp_path / 'out/one.npz').tolist() == [[1, 1, 2], [3, 1, 2]]


def test_photographs_and_what_is_there_stays(make, tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setattr(FelzenszwalbRegions, 'check_packages', staticmethod(lambda: None))
    computed = []
    monkeypatch.setattr(
        FelzenszwalbRegions,
        'region_map',
        lambda self, shown, device: computed.append((shown.path, self.scale)) or shown.pixels[..., 0].astype(np.int32),
    )
    (tmp_path / 'in').mkdir()
    for name in ('one', 'two'):
        Image.new('RGB', (4, 3), (len(name), 0, 0)).save(tmp_path / f'in/{name}.png')
    arguments = (tmp_path / 'in', '--out', tmp_path / 'out', '--type', 'felzenszwalb', '--options', 'scale=50')
    assert make(*arguments).endswith('2 region maps, 0 kept, 2 written')
    (tmp_path / 'out/two.npz').unlink()
    assert make(*arguments).endswith('2 region maps, 1 kept, 1 written')
    assert read_regions(tmp_path / 'out/one.npz').tolist() == [[3] * 4] * 3
    assert computed == [(str(tmp_path / 'in/one.png'), 50)]  # alike pictures share a map on disk


def test_maps_are_kept_by_content(make, tmp_path):
    """A label map that changed gets a new map of regions; a file that this did not write is refused."""
    (tmp_path / 'in/.thumbnails').mkdir(parents=True)
    for name in ('one', 'two', '.thumbnails/one'):
        Image.fromarray(np.uint8([[0, 0, 1]])).save(tmp_path / f'in/{name}.png')
    arguments = (tmp_path / 'in', '--out', tmp_path / 'out', '--truth')
    assert make(*arguments).endswith('2 region maps, 0 kept, 2 written')
    Image.fromarray(np.uint8([[0, 1, 0]])).save(tmp_path / 'in/two.png')
    assert make(*arguments).endswith('2 region maps, 1 kept, 1 written')
    assert read_regions(tmp_path / 'out/two.npz').tolist() == [[1, 3, 2]]
    (tmp_path / 'out/made_from.json').unlink()
    assert 'one.npz: was not written by a converter' in make(*arguments)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--type', 'sam3'], "error: regions.type='sam3': invalid; allowed: felzenszwalb, files, sam2"),
        (['--truth'], 'in: contains no images (hidden files and folders are not read); allowed: .jpg'),
    ],
)
def test_faults_end_in_one_line(make, tmp_path, arguments, message):
    (tmp_path / 'in').mkdir()
    line = make(tmp_path / 'in', '--out', tmp_path / 'out', *arguments)
    assert message in line and line.startswith('error: ') and '\n' not in line


def test_two_pictures_of_one_name(make, tmp_path):
    for folder in ('a', 'b'):
        (tmp_path / 'in' / folder).mkdir(parents=True)
        Image.new('L', (2, 2)).save(tmp_path / f'in/{folder}/one.png')
    line = make(tmp_path / 'in', '--out', tmp_path / 'out', '--truth')
    assert 'so one map would replace the other' in line and not (tmp_path / 'out').exists()
