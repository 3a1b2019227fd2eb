"""Check the integration as Home Assistant's and its store's own tools would.

usage: python -m scripts.validate [FOLDER]     exits with 1 when something is wrong
"""

from collections.abc import Callable, Iterator
from pathlib import Path
import sys
from typing import Final

from .validator import actions, code, manifest, store, texts
from .validator.tree import Problem, Project, Unreadable

type Rule = Callable[[Project], Iterator[Problem]]

RULES: Final[tuple[Rule, ...]] = (
    manifest.check_manifest,
    manifest.check_version,
    manifest.check_requirements,
    manifest.check_config_flow,
    manifest.check_config_schema,
    manifest.check_dependencies,
    manifest.check_imports,
    store.check_hacs,
    store.check_files,
    store.check_brand,
    store.check_quality_scale,
    texts.check_structure,
    texts.check_wording,
    texts.check_fields,
    texts.check_languages,
    actions.check_actions,
    actions.check_service_file,
    actions.check_selectors,
    actions.check_icons,
    code.check_translation_keys,
    code.check_unused_texts,
    code.check_flows,
    code.check_entities,
)


def validate(root: Path) -> list[Problem]:
    """Return what is wrong with the project in `root`, each problem once."""
    project = Project(root)
    problems: dict[Problem, None] = {}
    for rule in RULES:
        try:
            problems.update(dict.fromkeys(rule(project)))
        except Unreadable as error:
            problems[error.problem] = None
    return list(problems)


def main() -> int:
    """Print what is wrong; return the exit code."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    problems = validate(root.resolve())
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
