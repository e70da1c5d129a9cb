"""The table of runs side by side: one column a run, whatever they are called."""

from hypothesis import given
from hypothesis import strategies as st

from core.runs import results
from core.runs.results import Result
from pages.ui import comparison
from tests.core.test_results import result


@given(
    st.lists(
        st.builds(
            result,
            st.text(min_size=1),
            test_accuracy=st.none() | st.floats(0, 1),
            seconds=st.floats(0, 1e9),
            test_images=st.none() | st.integers(0, 10_000),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_results_have_a_verdict_and_a_table(found: list[Result]) -> None:
    assert results.judge(found).endswith(".")
    lines = comparison.table(found, {}).split("\n")
    assert {line.replace("\\|", "").count("|") for line in lines} >= {len(found) + 2}


def test_table_leaves_out_of_bold_what_has_no_rival() -> None:
    assert "| Test accuracy | 84.6% | – |" in comparison.table([result("a", test_accuracy=0.846), result("b")], {})
