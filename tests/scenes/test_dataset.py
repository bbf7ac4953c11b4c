from PIL import Image

from itaclip_mmseg.scenes.dataset import labels_checksum, write_scenes


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


def test_a_killed_run_goes_on(tmp_path):
    """What is there is not drawn again; what was half written is removed."""
    write_scenes(tmp_path, seed=0, num_images=2)
    files = {path: path.read_bytes() for path in tmp_path.rglob('*.*')}
    first, second = sorted(tmp_path.glob('JPEGImages/*'))
    first.write_bytes(b'there')
    second.unlink()
    (tmp_path / 'ImageSets/Segmentation/val.txt').unlink()
    for path in (
        second.with_name(f'.{second.stem}.abcd1234.jpg'),
        tmp_path / 'ImageSets/Segmentation/.val.abcd1234.txt',
    ):
        path.write_bytes(b'half')
    write_scenes(tmp_path, seed=0, num_images=2)
    assert {path: path.read_bytes() for path in tmp_path.rglob('*.*')} == files | {first: b'there'}
