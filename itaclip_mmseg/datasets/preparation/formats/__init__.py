"""A file an annotation format: its `TITLE`, `find(source)` for its files in an export, and `read(source, files)`."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from itaclip_mmseg.datasets.preparation.shapes import Export
from itaclip_mmseg.datasets.preparation.source import Source
from itaclip_mmseg.utils.errors import UserError

FORMATS = tuple(module.name for module in iter_modules(__path__))


def read_export(source: Source, name: str | None = None) -> Export:
    """Read an export, whose format is seen from its content unless it is named.

    Raises:
        UserError: no such format, none that fits or several, or whatever is wrong in the export.
    """
    if name is not None and name not in FORMATS:
        raise UserError(f'--format {name}: not known; allowed: {", ".join(FORMATS)}')
    found = {}
    for format_name in FORMATS if name is None else [name]:
        module = import_module(f'{__name__}.{format_name}')
        files = module.find(source)
        if files:
            found[module] = files
    if not found:
        raise UserError(f'{source.path}: {nothing_found(name)}')
    if len(found) > 1:
        examples = ', '.join(f'{short(module)} ({files[0]})' for module, files in found.items())
        raise UserError(f'{source.path}: holds exports of several formats: {examples}; name one with --format')
    ((module, files),) = found.items()
    export = module.read(source, files)
    export.title = module.TITLE
    return export


def nothing_found(name: str | None) -> str:
    """What to say of a source without an export."""
    if name is not None:
        return f'holds nothing of the format {name}; leave --format out, or check the path'
    return f'holds no annotations of a format that is known; known are {", ".join(FORMATS)}'


def short(module: ModuleType) -> str:
    """The name of a format as `--format` takes it."""
    return module.__name__.rpartition('.')[2]
