"""What Cityscapes and Mapillary share: a JSON file a photograph, with `objects` that are a label and a polygon."""

from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.shapes import Shape


def read_objects(document: Node) -> list[Shape]:
    """The shapes of a photograph, in the order of the file; those that were deleted do not count."""
    return [
        Shape(node['label'].text(), rings=(node['polygon'].points(),))
        for node in document['objects']
        if not node.of(dict).value.get('deleted')
    ]
