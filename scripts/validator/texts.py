"""Rules of the texts in translations/."""

from collections.abc import Iterator
import re
from typing import Any

import probatio

from .manifest import schema_problems
from .tree import Problem, Project

type Path = tuple[str, ...]

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_QUOTED = re.compile(r"'\{\w+\}'")
_HTML = re.compile(r"</?[a-zA-Z][^>]*>|<!--")
_ADDRESS = re.compile(r"\b(https?|ftps?|wss?)://", re.IGNORECASE)
_KEY = re.compile(r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$")

_ENGLISH = "translations/en.json"

_TEXT = probatio.All(str, probatio.Length(min=1))
_TEXTS = {str: _TEXT}
_FIELDS: dict[Any, Any] = {"data": _TEXTS, "data_description": _TEXTS}
_NAMED: dict[Any, Any] = {probatio.Required("name"): _TEXT, "description": _TEXT}
_NAMED_AND_DESCRIBED = {
    probatio.Required("name"): _TEXT,
    probatio.Required("description"): _TEXT,
}
_STEP: dict[Any, Any] = {
    probatio.Required("title"): _TEXT,
    "description": _TEXT,
    "menu_options": _TEXTS,
    "menu_option_descriptions": _TEXTS,
    "sections": {str: {**_NAMED, **_FIELDS}},
    "submit": _TEXT,
    **_FIELDS,
}
_FLOW: dict[Any, Any] = {
    "step": {str: _STEP},
    "abort": _TEXTS,
    "create_entry": _TEXTS,
    "error": _TEXTS,
    "progress": _TEXTS,
}
_SCHEMA = probatio.Schema(
    {
        "title": _TEXT,
        "config": {"flow_title": _TEXT, **_FLOW},
        "config_subentries": {
            str: {
                probatio.Required("entry_type"): _TEXT,
                probatio.Required("initiate_flow"): _TEXTS,
                **_FLOW,
            }
        },
        "options": _FLOW,
        "device": {str: {probatio.Required("name"): _TEXT}},
        "entity": {
            str: {
                str: {
                    "name": _TEXT,
                    "state": _TEXTS,
                    "state_attributes": {str: {"name": _TEXT, "state": _TEXTS}},
                    "unit_of_measurement": _TEXT,
                }
            }
        },
        "exceptions": {str: {probatio.Required("message"): _TEXT}},
        "issues": {
            str: {
                probatio.Required("title"): _TEXT,
                probatio.Exclusive("description", "how"): _TEXT,
                probatio.Exclusive("fix_flow", "how"): _FLOW,
            }
        },
        "selector": {
            str: {
                "options": _TEXTS,
                "choices": _TEXTS,
                "fields": {str: _NAMED},
                "unit_of_measurement": _TEXTS,
            }
        },
        "services": {
            str: {
                **_NAMED_AND_DESCRIBED,
                "fields": {str: _NAMED_AND_DESCRIBED},
                "sections": {str: _NAMED},
            }
        },
        "system_health": {"info": _TEXTS},
    }
)


def flat(texts: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield each text with the keys that lead to it."""
    for key, value in texts.items():
        if isinstance(value, dict):
            yield from flat(value, (*path, key))
        else:
            yield (*path, key), str(value)


def placeholders(text: str) -> set[str]:
    """Return the names in braces in a text."""
    return set(_PLACEHOLDER.findall(text))


def flows(texts: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each flow's part of the texts, with the keys that lead to it."""
    for key in ("config", "options"):
        if key in texts:
            yield key, texts[key]
    for key, flow in texts.get("config_subentries", {}).items():
        yield f"config_subentries.{key}", flow
    for key, issue in texts.get("issues", {}).items():
        if "fix_flow" in issue:
            yield f"issues.{key}.fix_flow", issue["fix_flow"]


def check_structure(project: Project) -> Iterator[Problem]:
    """The English texts are where Home Assistant looks for them, and complete."""
    for text in schema_problems(_SCHEMA, project.english):
        yield project.problem(_ENGLISH, text)


def check_wording(project: Project) -> Iterator[Problem]:
    """Keys are slugs, and texts have neither HTML nor addresses nor references."""
    for file in sorted((project.folder / "translations").glob("*.json")):
        for path, text in flat(project.json(file)):
            where, bad = ".".join(path), [key for key in path if not _KEY.match(key)]
            for key in bad:
                yield project.problem(
                    f"translations/{file.name}", f"{where}: {key!r} is no slug"
                )
            for wrong, what in (
                (_HTML.search(text), "HTML"),
                (_ADDRESS.search(text), "an address (give it as a placeholder)"),
                (_QUOTED.search(text), "a placeholder in single quotes"),
                ("[%key:" in text, "a reference, which only core resolves"),
                (text != text.strip(), "white space at its beginning or end"),
            ):
                if wrong:
                    yield project.problem(
                        f"translations/{file.name}", f"{where}: has {what}"
                    )


def check_fields(project: Project) -> Iterator[Problem]:
    """Every form says what it is about, and every field is named and described."""
    for where, flow in flows(project.english):
        for step, texts in flow.get("step", {}).items():
            if not {"description", "data", "sections"} & texts.keys():
                yield project.problem(
                    _ENGLISH, f"{where}.step.{step}: nothing says what it is about"
                )
            forms = {f"{where}.step.{step}": texts} | {
                f"{where}.step.{step}.sections.{key}": section
                for key, section in texts.get("sections", {}).items()
            }
            for form, part in forms.items():
                named, told = part.get("data", {}), part.get("data_description", {})
                for field in sorted(named.keys() ^ told.keys()):
                    lacking = "data_description" if field in named else "data"
                    yield project.problem(
                        _ENGLISH, f"{form}: {field} is not in {lacking}"
                    )


def check_languages(project: Project) -> Iterator[Problem]:
    """Every language has the keys and the placeholders that English has."""
    english = dict(flat(project.english))
    for file in sorted((project.folder / "translations").glob("*.json")):
        name = f"translations/{file.name}"
        texts = dict(flat(project.json(file)))
        for path in sorted(english.keys() ^ texts.keys()):
            lacks = "lacks" if path in english else "has, unlike English,"
            yield project.problem(name, f"{lacks} {'.'.join(path)}")
        for path in sorted(english.keys() & texts.keys()):
            if placeholders(english[path]) != placeholders(texts[path]):
                yield project.problem(
                    name,
                    f"{'.'.join(path)}: its placeholders differ from English",
                )
