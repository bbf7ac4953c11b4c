"""Photographs and label maps in two folders."""

import pytest
from PIL import Image

from itaclip_mmseg.datasets.folders import FolderDataset, files_by_name
from itaclip_mmseg.utils.errors import UserError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('L', (4, 4)).save(folder / name)


def pairs(folder, **kwargs):
    prefix = kwargs.pop('prefix', dict(img_path='images', seg_map_path='labels'))
    dataset = FolderDataset(data_root=str(folder), data_prefix=prefix, metainfo=dict(classes=('a', 'b')), **kwargs)
    samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    return {
        one['img_path'].removeprefix(f'{folder}/'): one.get('seg_map_path', '').removeprefix(f'{folder}/')
        for one in samples
    }


def test_pairs_by_name(tmp_path):
    """Any suffix on either side; hidden files, which some systems leave, and texts are none of them."""
    touch(tmp_path, 'images/a.JPG', 'images/x/b.jpeg', 'images/._a.jpg', 'labels/a.PNG', 'labels/x/b.tif')
    (tmp_path / 'images/notes.txt').write_text('none')
    assert pairs(tmp_path) == {'images/a.JPG': 'labels/a.PNG', 'images/x/b.jpeg': 'labels/x/b.tif'}


def test_a_linked_folder_is_followed(tmp_path):
    touch(tmp_path, 'elsewhere/a.jpg', 'labels/x/a.png')
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images/x').symlink_to(tmp_path / 'elsewhere')
    assert pairs(tmp_path) == {'images/x/a.jpg': 'labels/x/a.png'}


def test_a_split_keeps_its_order(tmp_path):
    touch(tmp_path, 'images/a.JPG', 'images/b.png', 'images/c.png', 'labels/a.png', 'labels/b.png')
    (tmp_path / 'split.txt').write_text('b\n\na\nabsent\n')
    assert list(pairs(tmp_path, ann_file='split.txt').items()) == [
        ('images/b.png', 'labels/b.png'),
        ('images/a.JPG', 'labels/a.png'),
        ('images/absent.jpg', 'labels/absent.png'),
    ]


def test_one_folder_for_both(tmp_path):
    """As MMSegmentation has it: .jpg and .png tell them apart."""
    touch(tmp_path, 'images/a.jpg', 'images/a.png')
    assert pairs(tmp_path, prefix=dict(img_path='images', seg_map_path='images')) == {'images/a.jpg': 'images/a.png'}


def test_suffixes_that_are_given_count_alone(tmp_path):
    touch(tmp_path, 'images/a_rgb.png', 'images/a_depth.png', 'labels/a_ids.png', 'labels/a_colours.png')
    found = pairs(tmp_path, img_suffix='_rgb.png', seg_map_suffix='_ids.png')
    assert found == {'images/a_rgb.png': 'labels/a_ids.png'}


def test_photographs_alone(tmp_path):
    touch(tmp_path, 'images/a.jpg')
    assert pairs(tmp_path, prefix=dict(img_path='images')) == {'images/a.jpg': ''}


def test_names_that_differ_in_the_suffix_alone(tmp_path):
    touch(tmp_path, 'a.jpg', 'a.PNG')
    with pytest.raises(UserError, match=r'a\.PNG: shares its name with .*a\.jpg'):
        files_by_name(str(tmp_path), None)
    assert list(files_by_name(str(tmp_path), '.jpg')) == ['a']
