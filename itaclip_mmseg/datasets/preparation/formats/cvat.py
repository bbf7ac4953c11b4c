"""CVAT for images 1.1: an XML file with polygons, boxes, ellipses and masks, in layers (`z_order`)."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.shapes import Annotation, Export, Shape, box, circle, mask_of, runs_of, turned
from itaclip_mmseg.datasets.preparation.source import Source
from itaclip_mmseg.utils.errors import UserError, first_line

TITLE = 'CVAT for images 1.1'
COVER_NOTHING = ('tag', 'points', 'polyline')


def find(source: Source) -> list[Path]:
    """CVAT's XML files."""
    return [path for path in source.ending('.xml') if first_tag(path) == 'annotations']


def first_tag(path: Path) -> str:
    """The root tag of an XML file; empty if there is none."""
    try:
        with open(path, 'rb') as file:
            return next(ElementTree.iterparse(file, ['start']))[1].tag
    except (ValueError, ElementTree.ParseError, StopIteration):
        return ''


def read_xml(path: Path) -> ElementTree.Element:
    """Read the root of an XML file."""
    try:
        return ElementTree.parse(path).getroot()
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise UserError(f'{path}: not readable as XML ({first_line(error)}); export it again') from error


def read(source: Source, files: list[Path]) -> Export:
    """Read all files, such as one per task."""
    export = Export(classes=[])
    for path in files:
        root = read_xml(path)
        if root.find('track') is not None:
            raise UserError(f'{path}: is "CVAT for video"; export it as "CVAT for images 1.1"')
        labels = [label for label in root.iterfind('meta//labels/label') if label.find('parent') is None]
        classes = [Node(label.findtext('name'), path, 'label.name').text() for label in labels]
        export.classes += classes
        for image in root.iterfind('image'):
            node = Node(image.attrib, path, f'image "{image.get("name")}"')
            size, shapes = node.size(), []
            for element in in_layers(image, node):
                place = Node(element.attrib, path, f'{node.place} {element.tag}')
                shape = read_shape(element.tag, place, size)
                if shape is None:
                    export.left_out[element.tag] += 1
                    continue
                if classes and shape.name not in classes:
                    raise place.fault(f'has label "{shape.name}", which is not in the list of labels')
                shapes.append(shape)
            name = node['name'].text()
            export.annotations.append(Annotation((name,), f'{path}: {name}', size, shapes))
    export.classes = export.classes or None
    return export


def in_layers(image: ElementTree.Element, node: Node) -> Iterator[ElementTree.Element]:
    """Shapes from the lowest layer to the highest, each in the file's order."""
    elements = [element for element in image if element.tag not in COVER_NOTHING]
    return iter(sorted(elements, key=lambda element: Node(element.get('z_order', '0'), node.path, node.place).number()))


def read_shape(tag: str, node: Node, size: tuple[int, int]) -> Shape | None:
    """Read a shape; None for an unknown kind."""
    name = node['label'].text() if tag in ('polygon', 'box', 'ellipse', 'mask') else None
    if tag == 'polygon':
        pairs = [pair.split(',') for pair in node['points'].text().split(';')]
        return Shape(name, rings=(Node(pairs, node.path, f'{node.place}.points').points(),))
    if tag == 'mask':
        left, top, width, height = (node[key].whole() for key in ('left', 'top', 'width', 'height'))
        node.size()
        runs = Node(node['rle'].text().split(','), node.path, f'{node.place}.rle').runs(width * height)
        return Shape(name, runs=runs_of(mask_of(runs, (height, width), order='C'), size, left, top))
    degrees = rotation.number() if (rotation := node.get('rotation')) else 0
    if tag == 'box':
        left, top, right, bottom = (node[key].number() for key in ('xtl', 'ytl', 'xbr', 'ybr'))
        ring = turned(box(left, top, right, bottom), degrees, (left + right) / 2, (top + bottom) / 2)
        return Shape(name, rings=(ring,))
    if tag == 'ellipse':
        return Shape(name, rings=(circle(*(node[key].number() for key in ('cx', 'cy', 'rx', 'ry')), degrees),))
    return None
