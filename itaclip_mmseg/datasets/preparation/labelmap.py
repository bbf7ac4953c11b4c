"""Reading CVAT's table of colours, `labelmap.txt`."""

from pathlib import Path

from itaclip_mmseg.datasets.preparation.document import read_lines
from itaclip_mmseg.utils.errors import UserError

NAME = 'labelmap.txt'


def read_labelmap(path: Path) -> list[tuple[str, int]]:
    """Names and colours, red * 65536 + green * 256 + blue, in the file's order.

    Raises:
        UserError: a line is not `name:red,green,blue:parts:actions`, or a name or colour occurs twice.
    """
    table = []
    for line in read_lines(path):
        if line.startswith('#'):
            continue
        name, *fields = line.rsplit(':', 3)
        channels = fields[0].split(',') if len(fields) == 3 else ()
        if not name or len(channels) != 3 or not all(one.strip().isdecimal() and int(one) < 256 for one in channels):
            raise UserError(f'{path}: {line!r} is not a class and colour; write name:red,green,blue::')
        red, green, blue = map(int, channels)
        table.append((name.strip(), red << 16 | green << 8 | blue))
    for column, what in ((0, 'name'), (1, 'colour')):
        values = [entry[column] for entry in table]
        for value in [value for value in values if values.count(value) > 1]:
            shown = value if column == 0 else f'#{value:06x}'
            raise UserError(f'{path}: {what} {shown} occurs twice; give each class a different one')
    if not table:
        raise UserError(f'{path}: has no class; write name:red,green,blue::')
    return table
