"""Adds pages to the site that live outside docs: the READMEs of the project and its folders, and one per method."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
# A link to another file of the repository, maybe to a heading in it.
LINK = re.compile(r'\]\((?:\.\./)*((?:docs|configs|data|tools|tests|itaclip_mmseg)/[\w./-]+|CHANGELOG\.md)(#[\w-]+)?\)')
PAGES = {
    'index.md': 'README.md',
    'configs.md': 'configs/README.md',
    'combinations.md': 'configs/combined/README.md',
    'data.md': 'data/README.md',
    'tools.md': 'tools/README.md',
    'small_clip.md': 'itaclip_mmseg/assets/README.md',
    'golden.md': 'tests/golden/README.md',
    'changelog.md': 'CHANGELOG.md',
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add a page per method to the navigation, in the order of the model index."""
    config.nav.insert(2, {'Methods': [{title(method): f'methods/{method}.md'} for method in methods()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that live outside docs."""
    pages = PAGES | {f'methods/{method}.md': f'configs/{method}/README.md' for method in methods()}
    for page, source in pages.items():
        files.append(File.generated(config, page, content=moved((ROOT / source).read_text(encoding='utf-8'), page)))
    return files


def methods() -> list[str]:
    """Names of the method folders in `configs`."""
    return re.findall(r'configs/(\w+)/metafile', (ROOT / 'model-index.yml').read_text(encoding='utf-8'))


def title(method: str) -> str:
    """The heading of a method's README."""
    return (ROOT / f'configs/{method}/README.md').read_text(encoding='utf-8').splitlines()[0].lstrip('# ')


def moved(text: str, page: str) -> str:
    """A README's text with its links adapted to the site, whose root is docs."""
    up = '../' * page.count('/')
    places = {source: target for target, source in PAGES.items()}
    places |= {f'configs/{method}/README.md': f'methods/{method}.md' for method in methods()}

    def place(link: re.Match) -> str:
        path = link[1].removeprefix('docs/')
        return f']({up}{places.get(path, path)}{link[2] or ""})'

    return re.sub(LINK, place, text)
