"""No module imports itself by way of others: every file can be understood from below."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def test_no_imports_go_in_a_circle() -> None:
    graph = grimp.build_graph("tokenry", exclude_type_checking_imports=True, cache_dir=None)
    below = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        list(TopologicalSorter(below).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
