"""Rules between the code and the texts: what one names, the other must have."""

import ast
from collections.abc import Iterator
import re
from typing import NamedTuple

from homeassistant import const as ha_const

from .texts import flat, flows, placeholders
from .tree import Module, Problem, Project

_ENGLISH = "translations/en.json"

# Which part of the texts a translation key is of, by what is called with it.
_PARTS = (
    (
        re.compile(r"(Error|ConfigEntryNotReady|ConfigEntryAuthFailed|UpdateFailed)$"),
        "exceptions",
    ),
    (re.compile(r"async_create_issue$"), "issues"),
    (re.compile(r"(^|Child)DeviceInfo$|^async_get_or_create(_child)?$"), "device"),
    (re.compile(r"SelectorConfig$"), "selector"),
)


class Use(NamedTuple):
    """A call with the literal key of a text."""

    module: Module
    part: str
    key: str
    placeholders: frozenset[str] | None
    """The names that the call fills in; None where the code does not show them."""


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((word.value for word in call.keywords if word.arg == name), None)


def _part(called: str) -> str | None:
    return next((part for like, part in _PARTS if like.search(called)), None)


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (child for child in ast.walk(node) if isinstance(child, ast.Call))


def _filled_in(value: ast.expr | None) -> frozenset[str] | None:
    match value:
        case None:
            return frozenset()
        case ast.Dict(keys=keys):
            names = [key.value for key in keys if isinstance(key, ast.Constant)]
            if len(names) == len(keys):
                return frozenset(map(str, names))
    return None


def _helpers(project: Project) -> dict[str, str]:
    """Return the functions whose first argument becomes a translation key."""
    found = {}
    for module in project.modules:
        for node in module.nodes:
            if not isinstance(node, ast.FunctionDef) or not node.args.args:
                continue
            first = node.args.args[0].arg
            for call in _calls(node):
                key, part = _keyword(call, "translation_key"), _part(_called(call))
                if part and isinstance(key, ast.Name) and key.id == first:
                    found[node.name] = part
    return found


def _uses(project: Project) -> Iterator[Use]:
    helpers = _helpers(project)
    for module in project.modules:
        for call in module.calls:
            called = _called(call)
            if (part := _part(called)) is not None:
                key = _keyword(call, "translation_key")
                filled = _filled_in(_keyword(call, "translation_placeholders"))
            elif called in helpers and call.args:
                part, key = helpers[called], call.args[0]
                words = [word.arg for word in call.keywords]
                filled = (
                    None
                    if None in words
                    else frozenset(word for word in words if word is not None)
                )
            else:
                continue
            if isinstance(key, ast.Constant):
                yield Use(module, part, str(key.value), filled)


def check_translation_keys(project: Project) -> Iterator[Problem]:
    """Every text that the code names exists, and gets what it has places for."""
    for use in _uses(project):
        text = project.english.get(use.part, {}).get(use.key)
        if text is None:
            yield project.problem(
                _ENGLISH, f"lacks {use.part}.{use.key}, which {use.module.path} names"
            )
            continue
        if use.part in {"exceptions", "device"} and use.placeholders is not None:
            for name in sorted(placeholders(str(text)) - use.placeholders):
                yield Problem(
                    path=use.module.path,
                    text=f"gives {use.part}.{use.key} no {{{name}}}",
                )


def check_unused_texts(project: Project) -> Iterator[Problem]:
    """Nothing is translated that no code names."""
    patterns = list(_composed(project))

    def used(key: str) -> bool:
        return key in project.literals or any(like.fullmatch(key) for like in patterns)

    texts = project.english
    keys = [
        *(
            (part, key)
            for part in ("exceptions", "issues", "device")
            for key in texts.get(part, {})
        ),
        *(
            (f"entity.{platform}", key)
            for platform, entities in texts.get("entity", {}).items()
            for key in entities
        ),
        *(
            (f"{where}.{part}", key)
            for where, flow in flows(texts)
            for part in ("error", "abort", "progress")
            for key in flow.get(part, {})
        ),
    ]
    core = {"already_in_progress", "reconfigure_successful"}
    for part, key in keys:
        if not used(key) and key not in core:
            yield project.problem(_ENGLISH, f"{part}.{key} is named nowhere")


def _composed(project: Project) -> Iterator[re.Pattern[str]]:
    """Yield what f-strings such as `f"{key}_l{phase}"` can become."""
    for module in project.modules:
        for node in module.nodes:
            if isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(part.value)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    else r"\w+"
                    for part in node.values
                ]
                if re.search(r"[a-z]", "".join(parts).replace(r"\w+", "")):
                    yield re.compile("".join(parts))


def check_flows(project: Project) -> Iterator[Problem]:
    """Steps, fields, errors and ends of flows are the same in code and texts."""
    modules = [module for module in project.modules if _steps(module)]
    by_part: dict[str, set[str]] = {}
    for _, flow in flows(project.english):
        for part in ("step", "error", "abort", "progress"):
            by_part.setdefault(part, set()).update(flow.get(part, {}))
    for module in modules:
        for part, key in _named_in_flow(module):
            if key not in by_part.get(part, set()):
                yield project.problem(
                    _ENGLISH, f"has no {part} {key}, which {module.path} names"
                )
        for field in sorted(_fields(module, project) - _described(project)):
            yield project.problem(
                _ENGLISH, f"no step has the field {field} of {module.path}"
            )
    steps = {step for module in modules for step in _steps(module)}
    for step in sorted(by_part.get("step", set()) - steps):
        yield project.problem(_ENGLISH, f"step {step}: there is no async_step_{step}")


def _steps(module: Module) -> set[str]:
    return {
        node.name.removeprefix("async_step_")
        for node in module.nodes
        if isinstance(node, ast.AsyncFunctionDef)
        and node.name.startswith("async_step_")
    }


def _named_in_flow(module: Module) -> Iterator[tuple[str, str]]:
    """Yield the keys of texts that a flow's code names, with their part."""
    for node in module.nodes:
        match node:
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Name(id="errors"))],
                value=ast.Constant(value=str(key)),
            ):
                yield "error", key
            case ast.Call():
                for word, part in (
                    ("step_id", "step"),
                    ("reason", "abort"),
                    ("progress_action", "progress"),
                ):
                    # What shows progress has a text of its own, and no form.
                    if part == "step" and _keyword(node, "progress_action"):
                        continue
                    value = _keyword(node, word)
                    if isinstance(value, ast.Constant):
                        yield part, str(value.value)


def _fields(module: Module, project: Project) -> set[str]:
    """Return the fields of the forms in a module, as far as the code shows them."""
    found = set()
    for call in module.calls:
        if _called(call) not in {"Required", "Optional"} or not call.args:
            continue
        match call.args[0]:
            case ast.Constant(value=str(key)):
                found.add(key)
            case ast.Name(id=name):
                known = project.constants.get(name, getattr(ha_const, name, None))
                if isinstance(known, str):
                    found.add(known)
    return found


def _described(project: Project) -> set[str]:
    """Return the fields that any step of any flow has texts for."""
    found: set[str] = set()
    for _, flow in flows(project.english):
        for path, _text in flat(flow.get("step", {})):
            match path:
                case (*_, "data", field) | (_, "sections", field, *_):
                    found.add(field)
    return found


def check_entities(project: Project) -> Iterator[Problem]:
    """Every entity in a table has a name, and an icon or a class that has one."""
    texts, icons = project.english.get("entity", {}), project.icons.get("entity", {})
    for module, platform, key, words in _descriptions(project):
        where = f"entity.{platform}.{key}"
        text = texts.get(platform, {}).get(key, {})
        if "name" not in text and not words & {"name", "translation_key"}:
            yield project.problem(
                _ENGLISH, f"lacks {where}.name, an entity of {module.path}"
            )
        if "enum" in words and not text.get("state"):
            yield project.problem(_ENGLISH, f"lacks the states of {where}")
        pictured = "device_class" in words and "enum" not in words
        if not pictured and key not in icons.get(platform, {}):
            yield project.problem("icons.json", f"lacks {where}, which has no class")


def _descriptions(project: Project) -> Iterator[tuple[Module, str, str, set[str]]]:
    """Yield the entity descriptions: platform, key, and the words that they are of.

    A copy by `replace` has the words of what it copies, too.
    """
    platforms = _description_classes(project)
    for module in project.modules:
        named: dict[str, ast.Call] = {}
        for node in module.nodes:
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as call)
                ):
                    named[name] = call
        for call in module.calls:
            base = call
            match call:
                case ast.Call(func=ast.Name(id="replace"), args=[ast.Name(id=name)]):
                    base = named.get(name, call)
            platform = platforms.get(_called(base))
            key = _keyword(call, "key")
            if platform and isinstance(key, ast.Constant):
                words = _words(base) | _words(call)
                yield module, platform, str(key.value), words


def _words(call: ast.Call) -> set[str]:
    words = {word.arg for word in call.keywords if word.arg is not None}
    match _keyword(call, "device_class"):
        case ast.Attribute(attr="ENUM"):
            words.add("enum")
        case ast.Constant(value=None):
            words.discard("device_class")
    return words


def _description_classes(project: Project) -> dict[str, str]:
    """Return the platform of each class of entity descriptions, by its name."""
    bases: dict[str, list[str]] = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for module in project.modules
        for node in module.nodes
        if isinstance(node, ast.ClassDef)
    }

    def platform(name: str) -> str | None:
        for base in bases.get(name, []):
            if base not in bases and (
                match := re.match(r"(\w+)EntityDescription$", base)
            ):
                return re.sub(r"(?<!^)(?=[A-Z])", "_", match[1]).lower()
            if found := platform(base):
                return found
        return None

    return {name: found for name in bases if (found := platform(name))}
