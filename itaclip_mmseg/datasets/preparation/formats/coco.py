"""COCO JSON: polygons, run lengths in both forms, crowds."""

from collections import Counter, defaultdict
from pathlib import Path

from itaclip_mmseg.datasets.preparation.coco_segments import read_segment
from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.shapes import Annotation, Export, Shape
from itaclip_mmseg.datasets.preparation.source import Source

TITLE = 'COCO JSON'


def find(source: Source) -> list[Path]:
    """Annotation files."""
    return source.objects('images', 'annotations', 'categories')


def read(source: Source, files: list[Path]) -> Export:
    """Read all files, such as one per split; classes with the same name are merged."""
    export = Export(classes=[])
    for path in files:
        document = source.documents()[path]
        categories = {entry['id'].key(): entry['name'].text() for entry in document['categories']}
        export.classes += categories.values()
        images = by_id(document['images'])
        shapes = defaultdict(list)
        for entry in document['annotations']:
            key = entry['image_id'].key()
            if key not in images:
                raise entry['image_id'].fault(f'is {key}, but no image has this id')
            shapes[key] += read_shapes(entry, categories, images[key].size(), export.left_out)
        folder = source.place(path.parent)
        for key, image in images.items():
            name = image['file_name'].text()
            export.annotations.append(
                Annotation((f'{folder}/{name}', name), f'{path}: {name}', image.size(), shapes[key])
            )
    return export


def by_id(images: Node) -> dict[object, Node]:
    """Images by id; a `UserError` if two share one."""
    found = {}
    for image in images:
        key = image['id'].key()
        if key in found:
            raise image['id'].fault(f'is {key}, but another image has the same id')
        found[key] = image
    return found


def read_shapes(entry: Node, categories: dict, size: tuple[int, int], left_out: Counter) -> list[Shape]:
    """The shape of an annotation; none for an annotation with only a box."""
    category = entry['category_id']
    if category.key() not in categories:
        raise category.fault(f'is {category.value}, but no category has this id')
    crowd = entry.get('iscrowd')
    segmentation = entry.get('segmentation')
    if segmentation is None or segmentation.value == []:
        left_out['box without a polygon or mask'] += 1
        return []
    return [read_segment(None if crowd and crowd.whole() else categories[category.value], segmentation, size)]
