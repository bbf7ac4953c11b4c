import math

import pytest
import torch
from torch.nn import functional as F

from itaclip_mmseg.scenes.losses import competition_loss, contrast, presence_loss


def test_contrast_is_clips_where_captions_differ():
    """Protects the loss against its plain form; equal captions are positives of each other."""
    torch.manual_seed(0)
    images, captions = (F.normalize(torch.randn(4, 8), dim=-1) for _ in range(2))
    scale, named = torch.tensor(2.0), torch.eye(4) > 0
    logits, own = scale.exp() * images @ captions.T, torch.arange(4)
    expected = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    torch.testing.assert_close(contrast(images, captions, scale, named), expected)
    named[1] = named[0]
    assert contrast(images[[0, 0, 2, 3]], images[[0, 0, 2, 3]], scale, named) < contrast(
        images[[0, 0, 2, 3]], images[[0, 2, 0, 3]], scale, named
    )


def test_presence_asks_for_one_patch():
    """A name that one patch resembles is present, whatever the others resemble; none at all is log 2 at offset 0."""
    named = torch.tensor([[True, False]])
    logits = torch.zeros(1, 9, 2)
    assert presence_loss(logits, torch.tensor(0.0), named).item() == pytest.approx(math.log(2))
    logits[0, 3] = torch.tensor([30.0, -30.0])
    right, wrong = (presence_loss(logits, torch.tensor(-6.0), truth).item() for truth in (named, ~named))
    assert right < 0.01 < 5 < wrong


def test_competition_wants_a_winner():
    """Two named things on different patches cost less than both on all patches."""
    named = torch.tensor([[True, True, False]])
    shared = torch.tensor([10.0, 10.0, 0.0]).expand(1, 100, 3)
    apart = torch.zeros(1, 100, 3)
    apart[0, :50, 0] = apart[0, 50:, 1] = 10.0
    assert competition_loss(apart, named) < 0.01 < 0.4 < competition_loss(shared, named)
