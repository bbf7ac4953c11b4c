"""Several photographs, without a browser."""

import numpy as np
import pytest

from itaclip_mmseg.apis.exports import coco_annotations, merged_coco
from itaclip_mmseg.apis.page_folder import THUMBNAIL, thumbnails, unique_names
from itaclip_mmseg.utils.errors import Faults


def test_numbers_of_coco_are_unique():
    """Images and annotations count on; categories are those of one."""
    labels = np.repeat([[0, 1, 2]], 2, axis=0)
    one = coco_annotations(labels, ['background', 'dog', 'cat'], background=True)
    merged = merged_coco({'a.jpg': one, 'b.png': one})
    assert [(image['id'], image['file_name']) for image in merged['images']] == [(1, 'a.jpg'), (2, 'b.png')]
    assert [(each['id'], each['image_id']) for each in merged['annotations']] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert merged['categories'] == one['categories'] and one['annotations'][0]['id'] == 1


def test_files_of_one_stem_are_told_apart():
    names = unique_names(['x/a.jpg', 'x/a.png', 'x/b.jpg'])
    assert list(names.values()) == ['a_jpg', 'a_png', 'b']


@pytest.mark.parametrize(
    ('paths', 'names'),
    [
        (['x/dog.jpg', 'y/dog.jpg'], ['dog_jpg', 'dog_jpg (2)']),  # uploads of one name lie in folders of their own
        (['dog.jpg', 'Dog.png'], ['dog', 'Dog (2)']),
        (['dog.jpg', 'dog_labels.jpg', 'dog_2.jpg'], ['dog', 'dog_labels (2)', 'dog_2']),
        (['dog.jpg', 'dog_sclip.jpg'], ['dog', 'dog_sclip (2)']),
    ],
)
def test_no_file_of_a_photograph_is_replaced_by_that_of_another(paths, names):
    assert list(unique_names(paths, ['sclip']).values()) == names


def test_damaged_photographs_are_named(small_voc, tmp_path):
    """The others have small pictures."""
    (tmp_path / 'broken.jpg').write_bytes(b'none')
    faults = Faults()
    good = str(small_voc / 'JPEGImages/one.jpg')
    ((path, picture),) = thumbnails([str(tmp_path / 'broken.jpg'), good], faults)
    assert path == good and picture.width <= THUMBNAIL[0] and picture.height <= THUMBNAIL[1]
    assert len(faults.lines) == 1 and faults.lines[0].startswith('broken.jpg: ')
