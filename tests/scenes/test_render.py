import numpy as np

from itaclip_mmseg.scenes.names import NAMED_SHARE, NAMES, SCENE_CLASSES, visible_names
from itaclip_mmseg.scenes.render import render_scene


def test_a_seed_is_a_scene():
    """Same seed, same picture; another seed, another one; labels are those of the classes."""
    first, again, other = render_scene(3, 96, 128), render_scene(3, 96, 128), render_scene(4, 96, 128)
    assert first.image.shape == (96, 128, 3) and first.image.dtype == np.uint8
    assert first.labels.shape == (96, 128) and first.labels.max() < len(SCENE_CLASSES)
    assert np.array_equal(first.image, again.image) and np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.image, other.image)


def test_captions_name_what_covers_enough():
    """Protects the training's only truth: a name is in a caption from its share on, and not below."""
    names = np.full((100, 100), NAMES.index('sky'))
    names[:1] = NAMES.index('kite')
    assert NAMED_SHARE > 0.01
    assert visible_names(names) == ('sky',)
    names[:2] = NAMES.index('kite')
    assert visible_names(names) == ('sky', 'kite')
