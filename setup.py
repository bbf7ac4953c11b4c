"""Metadata is in pyproject.toml; here is only what it cannot say: what goes into `itaclip_mmseg/.mim`."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MIM = ('configs', 'tools', 'data/text_bank', 'data/paper', 'model-index.yml')
MIM += ('data/README.md', 'docs/own_data.md', 'docs/own_data_export.json', 'docs/words.md')  # which messages name


class BuildWithMim(build_py):
    """Copies configs, tools and text banks into the wheel, where MMLab's tooling looks for them.

    An editable install needs no copy: the checkout itself is searched (itaclip_mmseg/resources.py).
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / 'itaclip_mmseg' / '.mim'
        for name in MIM:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            if Path(name).is_dir():
                ignored = shutil.ignore_patterns('__pycache__')
                shutil.copytree(name, target / name, dirs_exist_ok=True, ignore=ignored)
            else:
                shutil.copy(name, target / name)


setup(cmdclass={'build_py': BuildWithMim})
