"""The common format of Cityscapes and Mapillary: one JSON file per image, with `objects` of a label and a polygon."""

from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.shapes import Shape


def read_objects(document: Node) -> list[Shape]:
    """The shapes of an image, in the order of the file, without deleted ones."""
    return [
        Shape(node['label'].text(), rings=(node['polygon'].points(),))
        for node in document['objects']
        if not node.of(dict).value.get('deleted')
    ]
