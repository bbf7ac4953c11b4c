"""Annotation formats, one module each, with `TITLE`, `find(source)` for an export's files and `read(source, files)`."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from itaclip_mmseg.datasets.preparation.shapes import Export
from itaclip_mmseg.datasets.preparation.source import Source
from itaclip_mmseg.utils.errors import UserError

FORMATS = tuple(module.name for module in iter_modules(__path__))


def read_export(source: Source, name: str | None = None) -> Export:
    """Read an export; its format is detected from its content unless `name` is given.

    Raises:
        UserError: the format is unknown, no format or several match, or the export has errors.
    """
    if name is not None and name not in FORMATS:
        raise UserError(f'--format {name}: unknown; allowed: {", ".join(FORMATS)}')
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
        raise UserError(f'{source.path}: contains exports of several formats: {examples}; choose one with --format')
    ((module, files),) = found.items()
    export = module.read(source, files)
    export.title = module.TITLE
    return export


def nothing_found(name: str | None) -> str:
    """The error for a source without an export."""
    if name is not None:
        return f'contains nothing in the format {name}; remove --format, or check the path'
    return f'contains no annotations in a known format; known formats: {", ".join(FORMATS)}'


def short(module: ModuleType) -> str:
    """The name of a format for `--format`."""
    return module.__name__.rpartition('.')[2]
