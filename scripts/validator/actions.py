"""Rules of the actions in services.yaml, and of icons.json."""

from collections.abc import Iterator
import re
from typing import Any

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.service import _SERVICES_SCHEMA
from homeassistant.util.yaml import load_yaml_dict
import probatio

from .manifest import schema_problems
from .tree import Problem, Project, Unreadable

_ICON = probatio.Match(r"^mdi:[a-z0-9]+(-[a-z0-9]+)*$")
_STATES = {str: _ICON}
_ICONS = probatio.Schema(
    {
        "entity": {
            str: {
                str: {
                    "default": _ICON,
                    "state": _STATES,
                    "range": {probatio.Match(r"^-?\d+(\.\d+)?$"): _ICON},
                    "state_attributes": {
                        str: {probatio.Required("default"): _ICON, "state": _STATES}
                    },
                }
            }
        },
        "services": {
            str: {probatio.Required("service"): _ICON, "sections": {str: _ICON}}
        },
    }
)

_REGISTERS = re.compile(
    r"\basync_register(_admin_service|_platform_entity_service|_entity_service)?$"
)


def _services(project: Project) -> dict[str, Any]:
    """Return services.yaml as Home Assistant's own schema understands it."""
    path = project.folder / "services.yaml"
    if not path.exists():
        return {}
    try:
        services: dict[str, Any] = _SERVICES_SCHEMA(load_yaml_dict(str(path)))
    except (HomeAssistantError, probatio.Invalid) as error:
        raise Unreadable(project.path("services.yaml"), str(error)) from error
    return services


def _fields(service: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return an action's fields, those in sections among them."""
    found: dict[str, dict[str, Any]] = {}
    for name, field in ((service or {}).get("fields") or {}).items():
        found |= field.get("fields", {name: field})
    return found


def _sections(service: dict[str, Any] | None) -> set[str]:
    fields = (service or {}).get("fields") or {}
    return {name for name, field in fields.items() if "fields" in field}


def check_actions(project: Project) -> Iterator[Problem]:
    """Every action, section and field has a text and, but for fields, an icon."""
    services = _services(project)
    texts = project.english.get("services", {})
    icons = project.icons.get("services", {})
    for where, have in (("translations/en.json", texts), ("icons.json", icons)):
        for name in sorted(services.keys() ^ have.keys()):
            verb = "lacks" if name in services else "has, unlike services.yaml,"
            yield project.problem(where, f"{verb} services.{name}")
    for name in sorted(services.keys() & texts.keys()):
        for part, wanted in (
            ("fields", set(_fields(services[name]))),
            ("sections", _sections(services[name])),
        ):
            for key in sorted(wanted ^ texts[name].get(part, {}).keys()):
                verb = "lacks" if key in wanted else "has, unlike services.yaml,"
                yield project.problem(
                    "translations/en.json", f"{verb} services.{name}.{part}.{key}"
                )


def check_service_file(project: Project) -> Iterator[Problem]:
    """Code that registers actions has a services.yaml."""
    if (project.folder / "services.yaml").exists():
        return
    for module in project.modules:
        if any(
            name.startswith("homeassistant.helpers.service.")
            and _REGISTERS.search(name)
            for name in module.imports
        ):
            yield Problem(
                path=module.path, text="registers actions without a services.yaml"
            )


def check_selectors(project: Project) -> Iterator[Problem]:
    """Every choice that an action offers has a text where it names a translation."""
    texts = project.english.get("selector", {})
    for service, config in _services(project).items():
        for field, details in _fields(config).items():
            if not details.get("selector"):
                yield project.problem(
                    "services.yaml", f"{service}.{field} has no selector"
                )
                continue
            ((kind, selector),) = details["selector"].items()
            key = (selector or {}).get("translation_key")
            if key is None:
                continue
            part = "fields" if kind == "object" else "options"
            wanted = {_option(option) for option in selector.get(part, ())}
            have = texts.get(key, {}).get(part, {}).keys()
            for option in sorted(wanted ^ have):
                verb = "lacks" if option in wanted else "has too much:"
                yield project.problem(
                    "translations/en.json", f"{verb} selector.{key}.{part}.{option}"
                )


def _option(option: Any) -> str:
    return str(option["value"] if isinstance(option, dict) else option)


def check_icons(project: Project) -> Iterator[Problem]:
    """Icons are of Home Assistant's set, belong to something, and say something."""
    for text in schema_problems(_ICONS, project.icons):
        yield project.problem("icons.json", text)
    texts = project.english.get("entity", {})
    for platform, entities in project.icons.get("entity", {}).items():
        for key, icon in entities.items():
            where = f"entity.{platform}.{key}"
            if key not in texts.get(platform, {}):
                yield project.problem("icons.json", f"{where} is no entity of en.json")
                continue
            known = texts[platform][key].get("state")
            for state, shown in icon.get("state", {}).items():
                if shown == icon.get("default"):
                    yield project.problem(
                        "icons.json", f"{where}.state.{state} is the default icon"
                    )
                if known is not None and state not in known:
                    yield project.problem(
                        "icons.json", f"{where}.state.{state} is no state of it"
                    )
