import pytest
import torch
from golden import image

from itaclip_mmseg.models.stages.pamr import affinity, refine
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
