"""The stages of self-calibrating last blocks against the public code's, and what that code cannot do."""

import numpy as np
import pytest
import torch
from golden import image
from torch.nn import functional as F

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.models.backbones.calibration import attend_by, fill, outlier_factors
from itaclip_mmseg.models.backbones.similarity import (
    aggregate,
    cosines,
    cut,
    similarity_attention,
)
from itaclip_mmseg.utils.errors import UserError

SIZES = {'224': (1, 224, 224), '208x256': (2, 208, 256), 'small': (6, 100, 130)}


@pytest.fixture(scope='module')
def shared(build):
    """shared('sfp', '224', outliers='norm'): the last block, its inputs and CLIP's."""

    def shared(method, size='224', **settings):
        backbone = build(method, backbone=dict(last_block=settings)).backbone
        return (
            backbone.last_block,
            backbone.shared_blocks(image(*SIZES[size])[None], backbone.last_block.keep),
            backbone,
        )

    return shared


@pytest.mark.parametrize('size', SIZES)
@torch.no_grad()
def test_local_outliers(shared, references, size):
    block, inputs, _ = shared('scclip', size)
    factors = outlier_factors(inputs.x[:, 1:], block.neighbours)
    np.testing.assert_allclose(factors[0], references('scclip')[f'lof_{size}'], atol=5e-6)
    assert np.array_equal(np.flatnonzero(block.anomalies(inputs)[0]), references('scclip')[f'anomalies_{size}'])


@pytest.mark.parametrize('name', ['224', '208x256', 'small', 'L2_224', 'LOF_224'])
@torch.no_grad()
def test_outliers(shared, references, name):
    """Which ones; the public code's order of choice has no effect."""
    kind = {'L2_224': 'norm', 'LOF_224': 'density'}.get(name, 'attention')
    block, inputs, _ = shared('sfp', name.split('_')[-1], outliers=kind)
    expected = sorted(references('sfp')[f'outliers_sfp_{name}'])
    assert np.flatnonzero(block.anomalies(inputs)[0]).tolist() == expected


@pytest.mark.parametrize('method', ['scclip', 'sfp'])
@torch.no_grad()
def test_stages(shared, references, method):
    """Filled features, similarities, both branches, before and after they are gathered."""
    block, inputs, backbone = shared(method)
    last, middle = block.mended(inputs)
    similarity = cosines(middle)
    gathered = aggregate(last, cut(similarity, block.threshold))
    low = cosines(inputs.hidden[block.low_layer][:, 1:], block.threshold)
    first, second = block.branches(inputs, backbone.blocks[-1])
    fused = sum(inputs.hidden[layer][:, 1:] for layer in block.fused_layers)
    stages = dict(
        filled_11=last,
        filled_9=middle,
        sim_mid=similarity[:, ::14],
        sim_mid_cut=cut(similarity, block.threshold)[:, ::14],
        before_last=gathered,
        branch1_attention=block.attend(backbone.blocks[-1], gathered, similarity, fused=False)[:, ::2],
        branch2_attention=block.attend(backbone.blocks[-1], fused, similarity, fused=True)[:, ::2],
        sim_low=low[:, ::14],
        branch1=first,
        branch2=second,
    )
    names = [name for name in references(method) if name.startswith('stage_')]
    assert len(names) == 8
    for name in names:
        expected = references(method)[name]
        found = stages[name.removeprefix('stage_')][0]
        step = len(found) // len(expected)
        np.testing.assert_allclose(found[::step], expected, atol=2e-5, err_msg=name)


@pytest.mark.parametrize('isolated_stay', [True, False])
def test_fill(isolated_stay):
    """Any grid and batch, written out patch by patch: rows and columns are not taken for each other."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = 4, 7
    patches = torch.randn(3, rows * columns, 5, generator=generator)
    anomalous = torch.rand(3, rows * columns, generator=generator) > 0.35
    expected, isolated = patches.clone(), 0
    for view, row, column in np.ndindex(3, rows, columns):
        if not anomalous[view, row * columns + column]:
            continue
        around = [
            y * columns + x
            for y in range(max(row - 1, 0), min(row + 2, rows))
            for x in range(max(column - 1, 0), min(column + 2, columns))
            if not anomalous[view, y * columns + x]
        ]
        isolated += not around
        if around:
            expected[view, row * columns + column] = patches[view, around].mean(dim=0)
        elif not isolated_stay:
            expected[view, row * columns + column] = 0
    assert isolated > 0
    torch.testing.assert_close(fill(patches, anomalous, (rows, columns), isolated_stay), expected)


def test_a_view_without_contrast_attends_to_itself():
    """Rounding puts all of an even view's similarities below their mean: no row may be empty."""
    attention = similarity_attention(torch.ones(1, 3, 3), sharpness=3, centre=1.2)
    assert torch.equal(attention[0], torch.eye(3))


def test_fewer_patches_than_neighbours():
    """The public code fails below 31 patches."""
    for number in (1, 2, 5):
        factors = outlier_factors(torch.randn(2, number, 4, generator=torch.Generator().manual_seed(0)), 30)
        assert factors.shape == (2, number) and (number == 1 or factors.isfinite().all())


@torch.no_grad()
def test_terms_are_averaged(shared):
    _, inputs, backbone = shared('scclip')
    block, patches = backbone.blocks[-1], inputs.x[:, 1:]
    attention = torch.eye(patches.shape[1])[None]
    both = attend_by(block, patches, attention, terms=('qq',))
    parts = attend_by(block, patches, attention), attend_by(block, patches, terms=('qq',))
    torch.testing.assert_close(both, sum(parts) / 2, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        (dict(threshold=2), r'last_block\.threshold=2'),
        (dict(outliers='SOM'), 'attention, norm, density'),
        (dict(fused_layers=()), r'last_block\.fused_layers'),
        (dict(low_layer=0), 'layer=0'),
        (dict(colour=1), 'colour'),
    ],
)
def test_impossible_settings_are_named(changes, named):
    with pytest.raises(UserError, match=named):
        LastBlock.from_config(dict(last_block=dict(type='sfp', **changes)))


@pytest.mark.parametrize('layer', [12, 13])
def test_layers_must_come_before_the_last(build, layer):
    with pytest.raises(UserError, match=f'layer of the last block={layer}'):
        build('scclip', backbone=dict(last_block=dict(middle_layer=layer)))


def test_embeddings_are_unit(shared):
    block, inputs, backbone = shared('sfp')
    tokens = backbone.encode_last(inputs, [block])[0]
    torch.testing.assert_close(F.normalize(tokens, dim=-1), tokens)
