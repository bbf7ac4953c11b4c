"""Find the methods that the page can compare with its own, by the names of their papers, and what the others need."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import yaml
from mmengine.config import ConfigDict
from mmseg.registry import MODELS

from itaclip_mmseg.apis.page_methods import Other
from itaclip_mmseg.apis.page_session import takes_methods
from itaclip_mmseg.engine.config import load_config, parse_options
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.backbones.weights import BUNDLED
from itaclip_mmseg.studies.needs import missing_parts
from itaclip_mmseg.studies.tables import method_changes
from itaclip_mmseg.utils.errors import Faults
from itaclip_mmseg.utils.resources import ROOT


def comparable_methods(config: str, options: Sequence[str] = ()) -> tuple[dict[str, dict], dict[str, Other]]:
    """Find the methods that use a config's own encoding pass, and those with their own segmentor.

    Args:
        config: path of the page's config.
        options: its overrides, KEY=VALUE; methods with the same kind of backbone get its weights.

    Returns:
        Changes of the config's settings by method, none for its own, which is first; and all other methods.
    """
    page, own = load_config(config, parse_options(options)).model, Path(config).resolve()
    varied = takes_methods(page)
    changes = {method_name(own.parent): {}} if varied else {}
    fetched = missing_parts(page)  # when the page starts
    others = {}
    for folder in sorted(path.parent for path in (ROOT / 'configs').glob('*/metafile.yaml')):
        if folder.name == own.parent.name:
            continue
        file = method_config(folder, own.stem.split('_')[-1])
        model = load_config(str(file)).model
        given = give_weights(model, page)
        needs = [line for line in missing_parts(model) if line not in fetched] + unknown_prompts(model)
        if varied and not needs and takes_methods(model):
            changes[method_name(folder)] = method_changes(folder.name)
        else:
            others[method_name(folder)] = Other(str(file.relative_to(ROOT)), given, tuple(needs))
    return changes, others


def give_weights(model: ConfigDict, page: ConfigDict) -> tuple[str, ...]:
    """Give a method the weights of the page's backbone, in place, where its own is of that kind; returns the overrides.

    Region maps of files, which visitors' photographs do not have, are replaced by SAM 2.
    """
    options = []
    if model.backbone.type == page.backbone.type:
        for key in ('arch', 'pretrained'):
            model.backbone[key] = page.backbone.get(key)
            options.append(f'model.backbone.{key}={model.backbone[key]}')
    if (model.get('regions') or {}).get('type') == 'files':
        model.regions = 'sam2'
        options.append(f'model.regions={model.regions}')
    return tuple(options)


def unknown_prompts(model: ConfigDict) -> list[str]:
    """Return a line if the small CLIP of this package does not know the words of a method's templates."""
    arch, pretrained = model.backbone.get('arch'), model.backbone.get('pretrained')
    if pretrained not in BUNDLED:
        return []
    settings = {one.name: one.default for one in fields(MODELS.get(model.type).settings_type)} | dict(model)
    faults = Faults()
    for templates in sorted({settings[name] for name in settings if name.endswith('templates')}):
        faults.result(TextEncoder(arch, pretrained, templates=templates).encode, ['tree'])
    return ['weights that know the words of its prompts'] * bool(faults.lines)


def method_config(folder: Path, dataset: str) -> Path:
    """A method's config for a dataset, else for Pascal VOC, else its first."""
    first = min(folder.glob('*.py'))
    return plainest_config(folder, dataset) or plainest_config(folder, 'voc21') or first


def plainest_config(folder: Path, dataset: str) -> Path | None:
    """The config for a dataset with the shortest name, ViT-B/16 before others; None if there is none."""
    return min(folder.glob(f'*_{dataset}.py'), key=lambda path: (len(path.stem), path.stem), default=None)


def method_name(folder: Path) -> str:
    """Name of a method as in its paper, from its folder of configs: 'NACLIP' for 'naclip'."""
    path = folder / 'metafile.yaml'
    return yaml.safe_load(path.read_text(encoding='utf-8'))['Collections'][0]['Name'] if path.is_file() else folder.name
