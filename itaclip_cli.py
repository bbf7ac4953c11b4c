"""The command `itaclip`: every script in tools, from any folder, from a checkout as from an installed wheel.

    itaclip                       list the commands
    itaclip test CONFIG ...       tools/test.py CONFIG ...
    itaclip prepare ...           tools/prepare_data.py ...: a beginning that no other command has is enough

A module beside the package, because importing the package takes seconds and `itaclip test --help` should not.
"""

import argparse
import ast
import importlib.util
import sys
from pathlib import Path


def main() -> None:
    """Run the command that the first argument names, with the arguments behind it."""
    scripts = find_scripts()
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print(overview(scripts))
        return
    name = choose(sys.argv[1], scripts)
    sys.argv[:2] = [f'itaclip {name}']
    run_script(scripts[name])


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every script that can take photographs of one's own; `own_data` of the package reads them."""
    parser.add_argument('--images', metavar='FOLDER', help="your photographs, instead of the config's data set")
    parser.add_argument('--labels', metavar='FOLDER', help='label maps of --images (default: none)')
    parser.add_argument(
        '--classes',
        metavar='FILE',
        help='classes of --images in the order of their labels: a text file, a data.yaml, a text bank, or a list as in '
        "docs/words.md (default: the config's)",
    )


def find_scripts() -> dict[str, Path]:
    """The scripts by the names of their commands: in a wheel they lie in `.mim`, in a checkout beside the package."""
    package = Path(importlib.util.find_spec('itaclip_mmseg').origin).parent
    tools = (package / '.mim' if (package / '.mim').is_dir() else package.parent) / 'tools'
    return {path.stem.replace('_', '-'): path for path in sorted([*tools.glob('*.py'), *tools.glob('*/*.py')])}


def choose(given: str, scripts: dict[str, Path]) -> str:
    """The command that a name or its beginning means; an error in one line where none or several begin so."""
    name = given.removesuffix('.py').replace('_', '-')
    found = [name] if name in scripts else [one for one in scripts if one.startswith(name)]
    if len(found) != 1:
        sys.exit(f'error: itaclip {given}: no such command; try {", ".join(found or scripts)}')
    return found[0]


def run_script(path: Path) -> None:
    """Run a script as `python PATH` does, but for `sys.argv[0]`, which usage lines show (runpy would replace it)."""
    code = compile(path.read_text(encoding='utf-8'), str(path), 'exec')
    exec(code, {'__name__': '__main__', '__file__': str(path)})


def overview(scripts: dict[str, Path]) -> str:
    """A line for each command: its name and the first line of its docstring."""
    width = max(map(len, scripts))
    lines = [f'  {name:{width}}  {summary(path)}' for name, path in scripts.items()]
    end = 'itaclip COMMAND --help shows its arguments.'
    return '\n'.join(['usage: itaclip COMMAND [ARGUMENT ...]', '', *lines, '', end])


def summary(script: Path) -> str:
    """The first line of a script's docstring."""
    return ast.get_docstring(ast.parse(script.read_text(encoding='utf-8'))).splitlines()[0]


if __name__ == '__main__':
    main()
