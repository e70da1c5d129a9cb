"""Every question names something that there is, and takes and gives what it says."""

import importlib
import inspect
from typing import Any, get_args, get_type_hints

import pytest

from core import ask, helper, sandbox
from core.ask import FileQuestion, Question

QUESTIONS = {name: question for name, question in vars(ask).items() if isinstance(question, Question | FileQuestion)}


def test_there_are_questions_of_both_kinds() -> None:
    assert {type(question) for question in QUESTIONS.values()} == {Question, FileQuestion}


@pytest.mark.parametrize("name", QUESTIONS)
def test_question_has_the_types_of_what_answers_it(name: str) -> None:
    question: Any = QUESTIONS[name]
    module, _, function = question.target.partition(":")
    answers = getattr(importlib.import_module(module), function)
    types = get_type_hints(answers)
    given, returned = get_args(question.__orig_class__)
    assert given == tuple(types[parameter] for parameter in inspect.signature(answers).parameters)
    assert returned == types["return"]
    if isinstance(question, Question) and question.imports:
        importlib.import_module(question.imports)


def test_what_a_helper_has_in_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(helper, "call", lambda *_, about, **__: told.append(about))
    ask.predict("a network", [])  # type: ignore[arg-type]
    ask.describe_lesson("my_cnn")
    assert told == ["a network", None]


def test_name_and_size_of_a_file_go_with_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(sandbox, "ask", lambda *arguments, name, num_bytes: told.append((*arguments, name, num_bytes)))
    ask.load_line(ask.File("a.pth", 7), "a.pth", b"contents")
    assert told == [("core.models.saving:load_line", "a.pth", b"contents", "a.pth", 7)]
