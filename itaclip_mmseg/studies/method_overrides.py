"""Overrides of --cfg-options for the configs of several methods: of all, or of one by METHOD:KEY."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from itaclip_mmseg.engine.checks import print_warnings
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.overrides import check_overrides, unread
from itaclip_mmseg.studies.tables import Pass
from itaclip_mmseg.utils.errors import UserError

OF = ':'  # between a method and a key, for an override of only its configs


def overrides_by_config(passes: Sequence[Pass], options: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Overrides of each config: the general ones that it uses, as methods differ, then its method's own.

    Raises:
        UserError: an override names an unknown method, or no config uses it.
    """
    methods = {one.method for one in passes}
    shared = {key: value for key, value in options.items() if OF not in key}
    for option in options:
        if OF in option and option.partition(OF)[0] not in methods:
            raise UserError(
                f'--cfg-options {option}: not a method in these tables; choose from {", ".join(sorted(methods))}'
            )
    chosen, faults = {}, defaultdict(dict)
    for one in passes:
        prefix = one.method + OF
        own = {key.removeprefix(prefix): value for key, value in options.items() if key.startswith(prefix)}
        config = load_config(one.config)
        check_overrides(config, own)
        ignored = unread(config, shared)
        for key, fault in ignored.items():
            faults[key][one.config] = fault
        chosen[one.config] = {key: value for key, value in shared.items() if key not in ignored} | own
    for key, by_config in faults.items():
        if len(by_config) == len(chosen):
            raise UserError(next(iter(by_config.values())))
        names = ', '.join(Path(name).stem for name in sorted(by_config))
        print_warnings([f'{key}: not used by {names}, so it has no effect there'])
    return chosen
