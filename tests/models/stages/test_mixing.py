"""Which variants share a mixture. That mixtures are right is in test_tiles.py."""

import pytest

from itaclip_mmseg.models.stages.mixing import mixing
from itaclip_mmseg.settings import Settings

BASE = Settings(text_coefficient=0.3, image_coefficient=0.7)


@pytest.mark.parametrize(
    ('changes', 'more'),
    [
        (dict(image_engineering=False), dict(image_coefficient=0.1)),
        (dict(auxiliary=None), dict(text_coefficient=0.9)),
        (dict(text_coefficient=0), dict(auxiliary='synonym')),
        (dict(text_coefficient=0), dict(auxiliary=None)),
        ({}, dict(logit_scale=30, prob_threshold=0.2)),
    ],
)
def test_what_has_no_effect_makes_no_mixture(changes, more):
    """Neither coefficients of what is off, nor rules that follow."""
    assert mixing(BASE.vary(changes)) == mixing(BASE.vary(changes | more))


def test_what_changes_logits_makes_a_mixture():
    """Each of these is another one."""
    changes = [
        {}, dict(image_coefficient=0.6), dict(image_engineering=False), dict(text_coefficient=0.2),
        dict(text_coefficient=0), dict(auxiliary='synonym'), dict(background_set=False),
        dict(text_coefficient=0, background_set=False), dict(text_coefficient=0, image_engineering=False),
    ]  # fmt: skip
    assert len({mixing(BASE.vary(one)) for one in changes}) == len(changes)
