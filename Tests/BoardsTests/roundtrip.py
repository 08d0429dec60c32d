"""Sends boards through Grafana's own models: roundtrip.py MODELS FILE...

MODELS is the folder of one version of the package grafana-foundation-sdk. A board is read into the models and
written again. The models drop unknown keys without an error and accept any value, so this reports: keys and values
that do not return, values that are not of the declared type, values that an enumeration does not have, and units
that Grafana does not list. One line per fault; exit code 1 if there is any.
"""

import enum
import json
import re
import sys
import types
import typing

sys.path.insert(0, sys.argv[1])

from grafana_foundation_sdk.cog import encoder, plugins
from grafana_foundation_sdk.models import dashboard, units

UNITS = {value for name, value in vars(units).items() if name[0] != "_" and isinstance(value, str)}
PANELS = {
    "timeseries", "stat", "gauge", "bargauge", "table", "state-timeline", "status-history", "heatmap", "nodeGraph",
    "text", "dashlist", "piechart", "row",
}


# The target of an annotation is a query of its data source, as that of a panel is. The models have only the keys
# of the built-in data source there; those of InfluxDB's editor of annotations are these.
ANNOTATION = {"refId", "rawQuery", "query", "datasource", "fromAnnotations", "textColumn", "titleColumn", "tagsColumn"}


def lost(before, after, path):
    """What of `before` is not in `after`."""
    if isinstance(before, dict):
        if not isinstance(after, dict):
            yield f"{path}: {json.dumps(before)[:80]} became {json.dumps(after)[:80]}"
            return
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{path}.{key}")
            elif re.fullmatch(r"\.annotations\.list\[\d+\]\.target", path) and key in ANNOTATION:
                continue
            elif value is not None:
                yield f"{path}.{key}: unknown to the models; value {json.dumps(value)[:80]}"
    elif isinstance(before, list):
        if not isinstance(after, list) or len(before) != len(after):
            yield f"{path}: {json.dumps(before)[:80]} became {json.dumps(after)[:80]}"
            return
        for index, value in enumerate(before):
            yield from lost(value, after[index], f"{path}[{index}]")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


def fits(value, hint):
    """Whether a value is of a declared type."""
    if hint is typing.Any or hint is object:
        return True
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, inner) for inner in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is list:
        inner = (typing.get_args(hint) or (typing.Any,))[0]
        return isinstance(value, list) and all(fits(one, inner) for one in value)
    if origin is dict:
        inner = (typing.get_args(hint) or (typing.Any, typing.Any))[1]
        return isinstance(value, dict) and all(fits(one, inner) for one in value.values())
    if not isinstance(hint, type):
        return True
    if issubclass(hint, enum.Enum):
        return value in [member.value for member in hint]
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (str, bool, type(None)):
        return isinstance(value, hint)
    return True


def mistyped(model, path):
    """The attributes of a model, and of those in it, whose value does not fit."""
    if isinstance(model, list):
        for index, one in enumerate(model):
            yield from mistyped(one, f"{path}[{index}]")
    elif isinstance(model, dict):
        for key, one in model.items():
            yield from mistyped(one, f"{path}.{key}")
    elif type(model).__module__.startswith("grafana_foundation_sdk") and not isinstance(model, enum.Enum):
        hints = typing.get_type_hints(type(model))
        for name, value in vars(model).items():
            if name in hints and value is not None and not fits(value, hints[name]):
                yield f"{path}.{name}: {str(value)[:60]!r} is no {hints[name]}"
            yield from mistyped(value, f"{path}.{name}")


def foreign(panels, path):
    """Kinds of panels and units that Grafana does not have."""
    for index, panel in enumerate(panels):
        place = f"{path}[{index}]"
        if panel.get("type") not in PANELS:
            yield f"{place}.type: no panel {panel.get('type')!r}"
        config = panel.get("fieldConfig", {})
        used = [config.get("defaults", {}).get("unit")]
        for override in config.get("overrides", []):
            used += [one["value"] for one in override["properties"] if one["id"] == "unit"]
        for unit in used:
            if unit is not None and unit not in UNITS:
                yield f"{place}: no unit {unit!r}"
        yield from foreign(panel.get("panels", []), f"{place}.panels")


def faults(path):
    with open(path, encoding="utf-8") as file:
        before = json.load(file)
    model = dashboard.Dashboard.from_json(json.loads(json.dumps(before)))
    after = json.loads(encoder.JSONEncoder().encode(model))
    yield from lost(before, after, "")
    yield from mistyped(model, "")
    yield from foreign(before.get("panels", []), ".panels")


plugins.register_default_plugins()
count = 0
for path in sys.argv[2:]:
    for fault in faults(path):
        count += 1
        print(f"{path}{fault}")
print(f"{len(sys.argv) - 2} boards, {count} faults")
sys.exit(1 if count else 0)
