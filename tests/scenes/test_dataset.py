import numpy as np
from PIL import Image

from itaclip_mmseg.scenes.dataset import SCENE_CLASSES, labels_checksum, render_scene, write_scenes


def test_a_seed_is_a_scene():
    """Same seed, same picture; another seed, another one; labels are those of the classes."""
    first, again, other = render_scene(3, 96, 128), render_scene(3, 96, 128), render_scene(4, 96, 128)
    assert first.image.shape == (96, 128, 3) and first.image.dtype == np.uint8
    assert first.labels.shape == (96, 128) and first.labels.max() < len(SCENE_CLASSES)
    assert np.array_equal(first.image, again.image) and np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.image, other.image)


def test_labels_are_the_same_on_every_machine(tmp_path):
    """Protects figures measured on the scenes: the label maps are part of them."""
    write_scenes(tmp_path, seed=0, num_images=2)
    assert labels_checksum(tmp_path) == '7f56ce4a67ab12a765be0062db9ae4b2ef164205a6d105fcf0ca0f383e2e300d'
    (picture,), (labels,) = ([*tmp_path.rglob(f'scene_000000_*{suffix}')] for suffix in ('.jpg', '.png'))
    assert Image.open(picture).size == Image.open(labels).size


def test_complete_scenes_are_left_alone(tmp_path):
    write_scenes(tmp_path, seed=0, num_images=2)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.*')}
    assert len(times) == 5
    write_scenes(tmp_path, seed=0, num_images=2)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.*')} == times
