"""Small archives with the structure of those that the data sets' owners publish, and the table that names them.

python tests/published.py DATA_ROOT URL ARCHIVES NAME...       (what tools/prepare_data.py does, of these archives)
"""

import io
import json
import sys
import tarfile
import zipfile
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.datasets.preparation.remote import md5_of
from itaclip_mmseg.datasets.preparation.sources import COLLECTIONS
from itaclip_mmseg.utils.errors import run

IMAGES = 3  # of each data set's evaluation
SIZE = (6, 8)


def picture(seed, suffix, labels=None):
    """The bytes of a photograph of noise, or of a label map of random labels."""
    random = np.random.RandomState(seed)
    values = random.choice(labels, SIZE) if labels else random.randint(0, 256, (*SIZE, 3))
    out = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(out, format=dict(jpg='JPEG', png='PNG')[suffix])
    return out.getvalue()


def photographs(folder, names, suffix='jpg'):
    """Members of an archive: a photograph a name."""
    return {f'{folder}/{name}.{suffix}': picture(seed, suffix) for seed, name in enumerate(names)}


def maps(folder, names, labels):
    """Members of an archive: a label map a name."""
    return {f'{folder}/{name}.png': picture(seed, 'png', labels) for seed, name in enumerate(names)}


def published(images=IMAGES):
    """The members of all archives by name, bytes for what is no archive."""
    val, train = [f'2008_{one:06}' for one in range(images)], ['2007_000001', '2007_000002']
    coco, voc = [f'{one:012}' for one in range(images)], 'VOCdevkit/VOC2012'
    split = '\n'.join(val).encode() + b'\n'
    ade = [f'ADE_val_{one:08}' for one in range(1, images + 1)]
    cities = [f'{city}/{city}_{one:06}' for one, city in zip(range(images), cycle(['frankfurt', 'munster']))]
    return {
        'VOCtrainval_11-May-2012.tar': {
            f'{voc}/Annotations/{val[0]}.xml': b'<annotation/>',
            f'{voc}/ImageSets/Segmentation/trainval.txt': split + b'2007_000001\n',
            f'{voc}/ImageSets/Segmentation/val.txt': split,
            **photographs(f'{voc}/JPEGImages', [*train, *val]),
            **maps(f'{voc}/SegmentationClass', [*train, *val], [0, 1, 15, 255]),
            **maps(f'{voc}/SegmentationObject', val, [0, 1, 2, 255]),
        },
        'VOCtrainval_03-May-2010.tar': photographs('VOCdevkit/VOC2010/JPEGImages', [*train, *val]),
        'trainval_merged.json': detail(train, val),
        'val2017.zip': photographs('val2017', coco),
        'stuffthingmaps_trainval2017.zip': {
            **maps('train2017', ['000000000009'], [0, 1]),
            **maps('val2017', coco, [0, 1, 91, 120, 181, 255]),
        },
        'ADEChallengeData2016.zip': {
            'ADEChallengeData2016/sceneCategories.txt': b'ADE_val_00000001 abbey\n',
            **photographs('ADEChallengeData2016/images/training', ['ADE_train_00000001']),
            **photographs('ADEChallengeData2016/images/validation', ade),
            **maps('ADEChallengeData2016/annotations/validation', ade, [0, 1, 150]),
        },
        'leftImg8bit_trainvaltest.zip': {
            'license.txt': b'research\n',
            **photographs('leftImg8bit/train/bochum', ['bochum_000000_leftImg8bit'], 'png'),
            **photographs('leftImg8bit/val', [f'{name}_leftImg8bit' for name in cities], 'png'),
        },
        'gtFine_trainvaltest.zip': {
            **maps('gtFine/val', [f'{name}_gtFine_labelIds' for name in cities], [0, 3, 7, 33]),
            **maps('gtFine/val', [f'{name}_gtFine_color' for name in cities], [0, 1]),
        },
    }


def detail(train, val):
    """The Detail annotation: a square of class 1 (category 2) on each image."""
    names = [(name, 'train') for name in train] + [(name, 'val') for name in val]
    square = [[1, 1, 4, 1, 4, 4, 1, 4]]
    height, width = SIZE
    return json.dumps(
        dict(
            images=[
                dict(image_id=one, file_name=f'{name}.jpg', height=height, width=width, phase=phase)
                for one, (name, phase) in enumerate(names)
            ],
            annos_segmentation=[dict(image_id=one, category_id=2, segmentation=square) for one in range(len(names))],
        )
    ).encode()


def write_archives(folder, images=IMAGES, padding=0):
    """Write them into a folder, each with so many bytes that nobody needs at its beginning."""
    folder.mkdir(parents=True)
    for name, members in published(images).items():
        if isinstance(members, bytes):
            (folder / name).write_bytes(members + b' ' * padding)
            continue
        write_archive(folder / name, {'README': np.random.RandomState(0).bytes(padding), **members})


def write_archive(path, members):
    """Write a .zip or .tar of members, bytes or ready tarfile.TarInfo and zipfile.ZipInfo by name."""
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w') as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return
    with tarfile.open(path, 'w') as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def small_collections(url, folder, images=IMAGES):
    """The table of facts with the checksums of a folder's archives, their addresses on a server, and fewer images."""

    def small(file):
        path = folder / file.name
        return replace(
            file,
            addresses=tuple(f'{url}/{file.name}' for _ in file.addresses[:1]),
            md5=file.md5 and md5_of(path),
            size=file.size and path.stat().st_size,
        )

    def smaller(collection):
        steps = tuple(replace(step, file=small(step.file)) if step.file else step for step in collection.steps)
        return replace(collection, images=images, steps=steps)

    return {name: smaller(collection) for name, collection in COLLECTIONS.items()}


def main():
    """A tool for tests/kill.py."""
    from itaclip_mmseg.datasets.preparation.prepare import prepare

    root, url, archives, images, *names = sys.argv[1:]
    prepare(names, data_root=root, collections=small_collections(url, Path(archives), int(images)))


if __name__ == '__main__':
    run(main)
