import numpy as np
import pytest
from golden import arrays
from PIL import Image

from itaclip_mmseg.datasets import ResizeToPatches


def test_sizes_equal_the_public_code():
    """Width, height, and what CLIPer's code makes of them."""
    cases = arrays('cliper')['resize_cases'].tolist()
    assert len(cases) == 7
    for width, height, new_width, new_height in cases:
        assert ResizeToPatches(336).size(height, width) == (new_height, new_width)


@pytest.mark.parametrize(('size', 'expected'), [((40, 60), (48, 80)), ((60, 40), (80, 48))])
def test_pixels_are_pils(size, expected):
    picture = np.random.RandomState(0).randint(0, 255, (*size, 3), dtype=np.uint8)
    results = ResizeToPatches(50).transform(dict(img=picture[..., ::-1]))
    assert results['img'].shape[:2] == results['img_shape'] == expected
    assert np.array_equal(
        results['img'][..., ::-1], np.asarray(Image.fromarray(picture).resize(expected[::-1], Image.BICUBIC))
    )
