"""Copies files into `itaclip_mmseg/.mim` of a wheel, which pyproject.toml cannot do; all metadata is there."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MIM = ('configs', 'tools', 'data/text_bank', 'data/paper', 'model-index.yml')
MIM += ('data/README.md', 'docs/own_data.md', 'docs/own_data_export.json', 'docs/words.md')  # named in messages


class BuildWithMim(build_py):
    """Copies configs, tools and text banks into the wheel, to the place where OpenMMLab's tools look for them.

    An editable install needs no copy: files are found in the checkout (itaclip_mmseg/utils/resources.py).
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
