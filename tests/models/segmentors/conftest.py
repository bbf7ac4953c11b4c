"""What the tests of the other segmentors share."""

import pytest
import torch
from golden import image
from mmseg.structures import SegDataSample

from itaclip_mmseg.text.bank import BankClass, TextBank


@pytest.fixture(scope='session')
def bank_of():
    """A bank of names, each its own word; the first is the background if it is called so."""

    def build(names: list[str]) -> TextBank:
        return TextBank('golden', names[0] == 'background', tuple(BankClass(name, (name,)) for name in names))

    return build


@pytest.fixture(scope='session')
def batch_equals_single():
    """Assert that three images of different sizes in one batch get what each gets alone."""

    def check(model) -> None:
        images = [image(1, 96, 128), image(2, 100, 130), image(3, 128, 80)]
        samples = [[SegDataSample(metainfo=dict(ori_shape=(60, 70)))] for _ in images]
        alone = [model.predict([one], sample)[0] for one, sample in zip(images, samples, strict=True)]
        together = model.predict(images, [SegDataSample(metainfo=dict(ori_shape=(60, 70))) for _ in images])
        for one, other in zip(alone, together, strict=True):
            assert one.seg_logits.data.shape == (len(model.bank.classes), 60, 70)
            assert torch.equal(one.seg_logits.data, other.seg_logits.data)
            assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)

    return check
