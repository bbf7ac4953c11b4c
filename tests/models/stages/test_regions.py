"""Region maps, where they come from and where they are kept; and one label for each region."""

import re
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from golden import photo
from mmengine.logging import MMLogger
from safetensors.torch import load_file, save_file

from itaclip_mmseg.models.stages import regions as stage
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.region_felzenszwalb import FelzenszwalbRegions
from itaclip_mmseg.models.stages.region_sam2 import SAM2Regions
from itaclip_mmseg.models.stages.regions import RegionMaps, write_regions
from itaclip_mmseg.utils.errors import UserError

PICTURE = Photograph(photo(1, 60, 80), 'some/picture.jpg')


def test_a_map_from_a_file(tmp_path):
    """By the photograph's stem, whatever its folder; numbers are as the file has them."""
    found = np.arange(-1, 60 * 80 - 1, dtype=np.int32).reshape(60, 80)
    write_regions(tmp_path / 'picture.npz', found)
    regions = RegionMaps(dict(type='files', folder=str(tmp_path)))
    assert torch.equal(regions(PICTURE), torch.from_numpy(found).long())


@pytest.mark.parametrize(
    ('write', 'message'),
    [
        (lambda path: None, r'picture\.npz: not a region map; it must be an .npz file with the array instance_mask'),
        (lambda path: path.write_bytes(b'PK nothing'), r'picture\.npz: not a region map'),
        (lambda path: np.savez(path, other=np.zeros((60, 80), int)), r'picture\.npz: not a region map'),
        (
            lambda path: np.savez(path, instance_mask=np.zeros((60, 80))),
            r'instance_mask is float64 of shape \(60, 80\)',
        ),
        (lambda path: np.savez(path, instance_mask=np.zeros(60, int)), r'instance_mask is int64 of shape \(60,\)'),
        (
            lambda path: write_regions(path, np.zeros((80, 60), int)),
            r'the region map is \(80, 60\), but some/picture.jpg',
        ),
    ],
)
def test_files_that_are_no_map_of_the_photograph_are_named(tmp_path, write, message):
    write(tmp_path / 'picture.npz')
    with pytest.raises(UserError, match=message) as caught:
        RegionMaps(dict(type='files', folder=str(tmp_path)))(PICTURE)
    assert '\n' not in str(caught.value)


def test_what_has_no_map_is_named(tmp_path):
    """An image without a file, a pipeline that keeps no photograph, a folder that is not there."""
    regions = RegionMaps(dict(type='files', folder=str(tmp_path)))
    with pytest.raises(UserError, match='an image without a file name has no region map'):
        regions(Photograph(PICTURE.pixels))
    with pytest.raises(UserError, match='the pipeline does not keep the photograph'):
        regions(None)
    with pytest.raises(UserError, match=r'nowhere: no such folder of region maps; .*model\.regions=sam2'):
        RegionMaps(dict(type='files', folder='nowhere'))


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        ('slic', r"regions\.type='slic': invalid; allowed: felzenszwalb, files, prompted_sam, sam2"),
        (dict(folder='x'), r'regions\.type=None'),
        (dict(type='felzenszwalb', size=3), r"regions='size': invalid; allowed: min_size, rule, scale, sigma"),
        (dict(type='felzenszwalb', sigma='1'), r"regions\.sigma='1'"),
        (dict(type='felzenszwalb', min_size=0), r'regions\.min_size=0'),
        (
            dict(type='felzenszwalb', rule='mean'),
            r"regions\.rule='mean': invalid; allowed: most_frequent, highest_mean",
        ),
    ],
)
def test_impossible_settings_are_named(config, message):
    with pytest.raises(UserError, match=message):
        RegionMaps(config)


@pytest.fixture
def computed(monkeypatch):
    """Sizes of the photographs whose regions were computed, by felzenszwalb's stand-in."""
    found = []

    def region_map(self, photograph, device):
        found.append(photograph.pixels.shape[:2])
        return (photograph.pixels[..., 0] // 64).astype(np.int32)

    monkeypatch.setattr(FelzenszwalbRegions, 'check_packages', staticmethod(lambda: None))
    monkeypatch.setattr(FelzenszwalbRegions, 'region_map', region_map)
    return found


def test_maps_are_kept_by_photograph_and_settings(computed, tmp_path, monkeypatch):
    """Computed once whatever the file's name; a damaged file is computed again; a full disk costs time alone."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    first = RegionMaps('felzenszwalb')(PICTURE)
    assert torch.equal(RegionMaps('felzenszwalb')(Photograph(PICTURE.pixels.copy(), 'other.jpg')), first)
    assert computed == [(60, 80)]
    RegionMaps(dict(type='felzenszwalb', scale=50))(PICTURE)
    RegionMaps('felzenszwalb')(Photograph(PICTURE.pixels[::-1]))
    assert len(computed) == 3
    for path in (tmp_path / 'itaclip_mmseg/regions').iterdir():
        path.write_bytes(path.read_bytes()[:-100])
    assert torch.equal(RegionMaps('felzenszwalb')(PICTURE), first) and len(computed) == 4
    monkeypatch.setattr(stage, 'write_regions', lambda *given: (_ for _ in ()).throw(OSError('full')))
    said = []
    monkeypatch.setattr(MMLogger, 'info', lambda self, message: said.append(message))
    RegionMaps('felzenszwalb')(Photograph(PICTURE.pixels + 1))
    assert len(computed) == 5 and len(said) == 1 and said[0].endswith(': full')


def test_while_words_change_the_map_is_not_read_again(computed, tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    regions = RegionMaps('felzenszwalb')
    regions(PICTURE)
    monkeypatch.setattr(stage, 'cache_path', lambda *given: pytest.fail('hashed again'))
    regions(PICTURE)
    assert len(computed) == 1


def test_felzenszwalb_finds_what_differs_in_colour():
    pytest.importorskip('skimage', reason='scikit-image (extra `regions`) is not installed')
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[10:30, 20:40] = (255, 0, 0)
    regions = FelzenszwalbRegions(sigma=0).region_map(Photograph(pixels), torch.device('cpu'))
    assert regions.shape == (40, 60) and regions.min() == 1 and len(np.unique(regions)) == 2
    assert len(np.unique(regions[10:30, 20:40])) == 1 and regions[0, 0] != regions[20, 30]


def test_felzenszwalb_without_its_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'skimage.segmentation', None)
    with pytest.raises(UserError, match=r"regions\.type='felzenszwalb': needs scikit-image; pip install"):
        RegionMaps('felzenszwalb')


@pytest.fixture(scope='module')
def sam2_weights(tmp_path_factory):
    """Of the smallest network, random, so changed that some masks pass the thresholds."""
    pytest.importorskip('sam2', reason='the package sam2 (extra `sam2`) is not installed')
    path = str(tmp_path_factory.mktemp('weights') / 'sam2.safetensors')
    torch.manual_seed(0)
    SAM2Regions.write_random_weights(dict(arch='sam2_hiera_t'), path)
    state = load_file(path)
    for name, value in state.items():
        if re.search(r'output_hypernetworks_mlps\.\d\.layers\.2\.', name):
            value *= 60
        if name.endswith('iou_prediction_head.layers.2.bias'):
            value[:] = 0.9
    save_file(state, path)
    return path


@pytest.mark.slow
def test_sam2_finds_masks(sam2_weights, monkeypatch):
    """From the network to a map; how many points a pass has changes nothing."""
    generator = RegionMaps(dict(type='sam2', pretrained=sam2_weights, arch='sam2_hiera_t', points=2)).generator
    regions = generator.region_map(PICTURE, torch.device('cpu'))
    assert regions.shape == (60, 80) and set(np.unique(regions)) >= {0, 1}
    monkeypatch.setattr('itaclip_mmseg.models.stages.region_sam2.LOGITS_BYTES', 1)
    assert (generator.region_map(PICTURE, torch.device('cpu')) == regions).mean() > 0.99


def test_the_points_of_a_sam2_pass_fit_the_memory(monkeypatch):
    """64 of a small photograph; fewer of a large one, as many as their masks leave room for; never none."""
    calls = []

    def generator(network, **settings):
        calls.append(settings)
        return SimpleNamespace(generate=lambda pixels: [])

    monkeypatch.setattr('itaclip_mmseg.models.stages.region_sam2.weights_file', lambda *given: None)
    monkeypatch.setattr('itaclip_mmseg.models.stages.region_sam2.load', lambda *given: None)
    monkeypatch.setattr('itaclip_mmseg.models.stages.region_sam2.counting_generator', lambda: generator)
    monkeypatch.setattr(SAM2Regions, 'check_packages', staticmethod(lambda: None))
    bars = []
    monkeypatch.setattr(
        'itaclip_mmseg.models.stages.region_sam2.ProgressBar',
        lambda *given, lines: bars.append((*given, lines)) or nullcontext(),
    )
    regions = SAM2Regions(points=8)
    for side in (60, 2000, 20000):
        pixels = np.broadcast_to(np.uint8(0), (side, side, 3))
        assert regions.masks(Photograph(pixels, 'a.jpg' if side == 60 else None), torch.device('cpu')) == []
    assert bars == [('regions of a.jpg', 64, True), *[('regions of the image', 64, True)] * 2]  # in logs too
    limit, mask = 512 << 20, 3 * 4 * 2000 * 2000  # three copies in float32
    assert [call['points_per_batch'] for call in calls] == [64, limit // mask, 1] and limit // mask > 1
    assert all(call['points_per_side'] == 8 and not call['multimask_output'] for call in calls)


def test_a_sam2_map_belongs_to_its_settings_and_weights(tmp_path, monkeypatch):
    """The cache counts for these; the rule of labels does not change a map."""
    pytest.importorskip('sam2', reason='the package sam2 (extra `sam2`) is not installed')
    path = tmp_path / 'weights.pt'
    path.write_bytes(b'one')
    monkeypatch.setattr(SAM2Regions, 'check_packages', staticmethod(lambda: None))
    first = SAM2Regions(pretrained=str(path)).version()
    assert SAM2Regions(pretrained=str(path), rule='highest_mean_score').version() == first
    changed = [dict(points=9), dict(iou_threshold=0.5), dict(stability_threshold=0.5), dict(arch='sam2_hiera_t')]
    versions = {SAM2Regions(pretrained=str(path), **one).version() for one in changed}
    path.write_bytes(b'other')
    versions.add(SAM2Regions(pretrained=str(path)).version())
    assert len(versions - {first}) == 5


def test_sam2_paints_large_masks_over_small_ones(monkeypatch):
    """Numbers rise with the area of a mask, whatever the order in which masks are found."""
    amg = pytest.importorskip('sam2.utils.amg', reason='the package sam2 (extra `sam2`) is not installed')
    monkeypatch.setattr('itaclip_mmseg.models.stages.region_sam2.weights_file', lambda *given: None)
    corners = ((0, 0, 30), (10, 10, 10), (20, 20, 20))  # top, left, side
    masks = torch.zeros(3, 60, 80, dtype=torch.bool)
    for mask, (top, left, side) in zip(masks, corners, strict=True):
        mask[top : top + side, left : left + side] = True
    encoded = amg.mask_to_rle_pytorch(masks)
    found = [dict(area=int(mask.sum()), segmentation=one) for mask, one in zip(masks, encoded, strict=True)]
    monkeypatch.setattr(SAM2Regions, 'masks', lambda *given: found)
    regions = SAM2Regions().region_map(PICTURE, torch.device('cpu'))
    assert regions[0, 0] == regions[15, 15] == regions[25, 25] == 3  # the small mask lies under the largest
    assert regions[35, 35] == 2 and regions[50, 50] == 0 and not (regions == 1).any()


def test_sam2_without_its_weights_or_package_is_named(monkeypatch):
    with pytest.raises(UserError, match=r"regions\.arch='hiera'.*sam2_hiera_t"):
        RegionMaps(dict(type='sam2', arch='hiera'))
    for name, value in (('points', 0), ('iou_threshold', 2), ('stability_threshold', -1)):
        with pytest.raises(UserError, match=rf'regions\.{name}={value}'):
            RegionMaps(dict(type='sam2', **{name: value}))
    monkeypatch.setattr(SAM2Regions, 'check_packages', staticmethod(lambda: None))
    with pytest.raises(UserError, match=r'sam2_hiera_large\.pt: no such weights file \(get it from https://dl\.fbai'):
        RegionMaps(dict(type='sam2'))
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, 'sam2.automatic_mask_generator', None)
    with pytest.raises(
        UserError, match=r"regions\.type='sam2': needs the package sam2 .*SAM2_BUILD_CUDA=0 pip install"
    ):
        RegionMaps(dict(type='sam2'))
