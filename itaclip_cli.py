"""The command `itaclip`, which runs every script in tools, and the arguments that several of these scripts have.

    itaclip                       list the commands
    itaclip test CONFIG ...       tools/test.py CONFIG ...
    itaclip prepare ...           tools/prepare_data.py ...: a unique prefix is enough

It works from any folder, in a checkout or an installed wheel. It is outside the package because importing the package
takes seconds, and `itaclip test --help` should not.
"""

import argparse
import ast
import importlib.util
import sys
from pathlib import Path


def main() -> None:
    """Run the command in the first argument with the remaining arguments."""
    scripts = find_scripts()
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print(overview(scripts))
        return
    name = choose(sys.argv[1], scripts)
    sys.argv[:2] = [f'itaclip {name}']
    run_script(scripts[name])


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a config and your own images, which replace its dataset; `engine/own_data.py` reads the latter."""
    parser.add_argument('config', help='path of a config, or name of an installed one')
    parser.add_argument('--images', metavar='FOLDER', help="your images, instead of the config's dataset")
    parser.add_argument('--labels', metavar='FOLDER', help='label maps for --images (default: none)')
    parser.add_argument(
        '--classes',
        metavar='FILE',
        help='classes of --images in label order: a text file, a data.yaml, a text bank, or a list as in '
        "docs/words.md (default: the config's)",
    )


def add_option_argument(
    parser: argparse.ArgumentParser,
    help: str = 'override settings of the config, e.g. model.backbone.pretrained=b16.pt',
) -> None:
    """Add --cfg-options; `engine/config.py` reads it."""
    parser.add_argument('--cfg-options', action='extend', nargs='+', default=[], metavar='KEY=VALUE', help=help)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the protocol and the launcher of a run over a dataset; `engine/config.py` reads them."""
    parser.add_argument(
        '--protocol',
        metavar='METHOD',
        help="use this method's image size and window, e.g. itaclip (default: each config's own)",
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what starts the processes of a run on several GPUs (default: %(default)s)',
    )
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, help=argparse.SUPPRESS)


def add_device_argument(parser: argparse.ArgumentParser) -> None:
    """Add --device; `utils/devices.py` reads it."""
    parser.add_argument('--device', help='such as cpu or cuda:1 (default: the GPU if there is one)')


def add_size_argument(parser: argparse.ArgumentParser, help: str) -> None:
    """Add --size, that of the rendered scene on which a script measures."""
    parser.add_argument('--size', type=int, nargs=2, default=(375, 500), metavar=('H', 'W'), help=help)


def add_worker_argument(parser: argparse.ArgumentParser) -> None:
    """Add --workers of a script that converts many files; `datasets/preparation/convert.py` reads it."""
    parser.add_argument('--workers', type=int, help='number of processes (default: one per core)')


def find_scripts() -> dict[str, Path]:
    """The scripts by command name; they are in `.mim` in a wheel, and beside the package in a checkout."""
    package = Path(importlib.util.find_spec('itaclip_mmseg').origin).parent
    tools = (package / '.mim' if (package / '.mim').is_dir() else package.parent) / 'tools'
    return {path.stem.replace('_', '-'): path for path in sorted([*tools.glob('*.py'), *tools.glob('*/*.py')])}


def choose(given: str, scripts: dict[str, Path]) -> str:
    """The command for a name or a unique prefix; exits with a one-line error if none or several match."""
    name = given.removesuffix('.py').replace('_', '-')
    found = [name] if name in scripts else [one for one in scripts if one.startswith(name)]
    if len(found) != 1:
        sys.exit(f'error: itaclip {given}: no such command; try {", ".join(found or scripts)}')
    return found[0]


def run_script(path: Path) -> None:
    """Run a script like `python PATH`, but keep `sys.argv[0]`, which usage lines show (runpy would replace it)."""
    code = compile(path.read_text(encoding='utf-8'), str(path), 'exec')
    exec(code, {'__name__': '__main__', '__file__': str(path)})


def overview(scripts: dict[str, Path]) -> str:
    """One line per command: its name and the first line of its docstring."""
    width = max(map(len, scripts))
    lines = [f'  {name:{width}}  {summary(path)}' for name, path in scripts.items()]
    end = "Run 'itaclip COMMAND --help' to see its arguments."
    return '\n'.join(['usage: itaclip COMMAND [ARGUMENT ...]', '', *lines, '', end])


def summary(script: Path) -> str:
    """The first line of a script's docstring."""
    return ast.get_docstring(ast.parse(script.read_text(encoding='utf-8'))).splitlines()[0]


if __name__ == '__main__':
    main()
