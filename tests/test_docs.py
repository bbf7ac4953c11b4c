"""The documentation: the site builds without a warning, and commands in it are commands that the tools take."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPO
from golden.bounds import BOUNDS

from itaclip_mmseg.studies.comparable import method_name

PAGES = sorted([REPO / 'README.md', *(REPO / 'docs').glob('*.md'), *REPO.glob('configs/**/README.md')])
PAGES += [REPO / 'data/README.md', REPO / 'tools/README.md']
TABLE = re.compile(r'(<!-- methods: .*? -->\n)(.*?)(<!-- end of methods -->)', re.DOTALL)
EQUALITY = re.compile(r'(<!-- equality: .*? -->\n)(.*?)(<!-- end of equality -->)', re.DOTALL)
GOLDEN = REPO / 'tests/golden/README.md'
COMMAND = re.compile(r'^    (?:\w+=\S+ )*python (tools/\S+\.py)((?:[^\\\n]|\\\n)*)', re.MULTILINE)


def commands() -> list:
    """Every `python tools/... ARGUMENTS` in an indented line, with the lines that continue it."""
    found = {}
    for page in PAGES:
        for script, rest in COMMAND.findall(page.read_text(encoding='utf-8')):
            arguments = shlex.split(re.split(r' {5,}| && ', rest.replace('\\\n', ' '))[0], comments=True)
            found[f'{page.relative_to(REPO)}: {script} {" ".join(arguments)}'] = (script, arguments)
    return [pytest.param(*pair, id=name) for name, pair in found.items()]


def test_there_are_commands():
    assert len(commands()) > 25


@pytest.mark.parametrize(('script', 'arguments'), commands())
def test_commands_are_taken(script, arguments, monkeypatch):
    """Protects readers from options that were renamed: the tool's own parser reads the line."""
    tree = ast.parse((REPO / script).read_text(encoding='utf-8'))
    tree.body = [node for node in tree.body if not isinstance(node, ast.If)]  # not run
    space = {'__name__': 'tool', '__doc__': ast.get_docstring(tree)}
    exec(compile(tree, script, 'exec'), space)
    monkeypatch.setattr(sys, 'argv', [script, *arguments])
    space['parse_args']()
    configs = [one for one in arguments if one.startswith('configs/') and '...' not in one]
    assert [one for one in configs if not (REPO / one).is_file()] == []


@pytest.mark.slow
def test_the_site_builds(tmp_path):
    """Protects links between pages, references to code, and the navigation: a warning is an error."""
    pytest.importorskip('mkdocs')
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--quiet', '--site-dir', str(tmp_path / 'site')]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / 'site').rglob('index.html'))
    assert len(pages) > 30
    assert broken_links(tmp_path / 'site') == []


def method_table() -> list[str]:
    """The README's table of methods, a line each: what the metafiles state on the datasets of the paper's Table 1."""
    datasets = {'VOC': 'voc21', 'Context': 'context60', 'COCO-Object': 'coco-object', 'COCO-Stuff': 'coco-stuff171'}
    rows = []
    for path in re.findall(r'configs/\S+/metafile\.yaml', (REPO / 'model-index.yml').read_text(encoding='utf-8')):
        content = yaml.safe_load((REPO / path).read_text(encoding='utf-8'))
        (collection,) = content['Collections']
        stated = {}
        for model in content['Models']:
            for result in model.get('Results', ()):
                stated.setdefault(model['Name'].split('_')[-1], result['Metrics']['mIoU'])
        link = f'[{collection["Name"]}]({Path(path).parent}/README.md)'
        rows.append((link, [stated.get(name) for name in datasets.values()]))
    rows.sort(key=lambda row: -(row[1][0] or 0))
    lines = [f'| method | {" | ".join(datasets)} |', '|---' * (len(datasets) + 1) + '|']
    return lines + [
        f'| {link} | {" | ".join("-" if one is None else f"{one:.1f}" for one in own)} |' for link, own in rows
    ]


def test_the_table_of_methods_has_the_stated_figures():
    """Run this file to write it anew."""
    text = (REPO / 'README.md').read_text(encoding='utf-8')
    assert TABLE.search(text)[2].strip().splitlines() == method_table()
    number = len(method_table()) - 2
    assert f'runs {number} training-free' in text


def equality_table() -> list[str]:
    """The table of what the tests hold each method to, a line each."""
    lines = ['| method | equal labels | scores differ by at most | |', '|---|---|---|---|']
    named = {method_name(REPO / 'configs' / folder): bound for folder, bound in BOUNDS.items()}
    return lines + [f'| {" | ".join([name, *named[name].row()])} |' for name in sorted(named, key=str.lower)]


def test_the_table_of_equality_has_the_bounds_of_the_tests():
    """What is claimed of equality is what the tests hold, of every method; run this file to write it anew."""
    assert EQUALITY.search(GOLDEN.read_text(encoding='utf-8'))[2].strip().splitlines() == equality_table()
    assert len(BOUNDS) == len(method_table()) - 2


def broken_links(site) -> list[str]:
    """Links and pictures of the built pages that lead nowhere inside the site."""
    broken = []
    for page in site.rglob('*.html'):
        for link in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text(encoding='utf-8')):
            if re.match(r'[a-z]+:|//', link) or page.name == '404.html':
                continue
            target = (page.parent / link).resolve()
            if not (target / 'index.html').is_file() and not target.is_file():
                broken.append(f'{page.relative_to(site)}: {link}')
    return broken


if __name__ == '__main__':
    for page, place, table in (
        (REPO / 'README.md', TABLE, method_table()),
        (GOLDEN, EQUALITY, equality_table()),
    ):
        lines, text = '\n'.join(table) + '\n', page.read_text(encoding='utf-8')
        page.write_text(place.sub(lambda found, lines=lines: found[1] + lines + found[3], text), encoding='utf-8')
