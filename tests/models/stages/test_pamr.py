import pytest
import torch
from golden import image

from itaclip_mmseg.models.stages import pamr
from itaclip_mmseg.models.stages.pamr import (
    affinity,
    empty_padded,
    pad_into,
    propagate,
    refine,
    standard_deviation,
)
from itaclip_mmseg.models.stages.pamr_steps import shifted_views
from itaclip_mmseg.settings import Pamr


@pytest.fixture(scope='module')
def guide():
    return image(5, 61, 83)


@pytest.mark.parametrize(
    ('name', 'settings'),
    [
        ('pamr_1_1', Pamr(1, (1,))),
        ('pamr_10_8-16', Pamr(10, (8, 16))),
        ('pamr_4_1-2-4', Pamr(4, (1, 2, 4))),
    ],
)
def test_equals_the_authors(golden, guide, name, settings):
    """Protects the stencil: in place, one query at a time, no tensor of neighbours."""
    refined = refine(guide, torch.from_numpy(golden['pamr_mask_in'])[0], settings)
    torch.testing.assert_close(refined, torch.from_numpy(golden[name])[0], atol=1e-5, rtol=0)


def test_is_linear(guide):
    """Variants rest on it: PAMR(a x + b y) = a PAMR(x) + b PAMR(y)."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 3, 61, 83, generator=generator)
    together = refine(guide, 0.3 * x + 0.7 * y, Pamr())
    torch.testing.assert_close(together, 0.3 * refine(guide, x, Pamr()) + 0.7 * refine(guide, y, Pamr()))


def test_leaves_its_input_and_constants_alone(guide):
    logits = torch.full((2, 61, 83), 0.5)
    torch.testing.assert_close(refine(guide, logits, Pamr()), logits)  # affinities add up to 1
    torch.testing.assert_close(affinity(guide, (8, 16)).sum(0), torch.ones(61, 83))
    ramp = torch.arange(2 * 61 * 83.0).reshape(2, 61, 83)
    before = ramp.clone()
    refine(guide, ramp, Pamr())
    assert torch.equal(ramp, before)


def test_dilation_larger_than_the_image():
    """Images of a few pixels: the border is replicated as far as needed."""
    image = torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(0))
    assert refine(image, torch.rand(2, 5, 4), Pamr()).isfinite().all()


def test_exact_standard_deviation():
    """CASS needs 0 where the guide is flat, as torch's own `std` of the gathered values has it; ITACLIP must not."""
    generator = torch.Generator().manual_seed(0)
    guide = torch.randn(3, 1, 1, generator=generator).repeat(1, 40, 60)
    guide[:, :, 40:] = torch.randn(3, 40, 20, generator=generator)
    neighbours = shifted_views(pad_into(guide, empty_padded(guide, 16)), (8, 16))
    gathered = torch.stack([guide, guide, *neighbours])
    exact, rounded = (standard_deviation(guide, neighbours, exact) for exact in (True, False))
    torch.testing.assert_close(exact, gathered.double().std(dim=0).float(), atol=0, rtol=1e-6)
    assert not exact[:, :, :24].any()
    assert rounded[:, :, :24].any()
    torch.testing.assert_close(exact, rounded, atol=1e-6, rtol=1e-5)


def test_exact_standard_deviation_is_a_setting(guide):
    """A guide with a flat part, in which the noise of the rounding decides how far apart equal pixels are."""
    flat = guide.clone()
    flat[:, :30] = flat[:, :1, :1]
    logits = torch.rand(2, 61, 83, generator=torch.Generator().manual_seed(0))
    exact, rounded = (refine(flat, logits, Pamr(2, (2, 4), exact)) for exact in (True, False))
    assert exact.isfinite().all()
    expected = propagate(logits, affinity(flat, (2, 4), True), Pamr(2, (2, 4)))
    assert torch.equal(exact, expected)
    torch.testing.assert_close(exact, rounded, atol=1e-4, rtol=0)


def test_affinities_do_not_depend_on_the_strips(guide, monkeypatch):
    """Protects working on some rows at a time."""
    whole = affinity(guide, (8, 16))
    monkeypatch.setattr(pamr, 'STRIP_PIXELS', 7 * 83)
    assert torch.equal(affinity(guide, (8, 16)), whole)
