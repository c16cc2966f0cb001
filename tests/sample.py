"""A sample for ``make test`` of what ``make reliability`` tries in full."""

import pytest


def sampled(values, every, first=0):
    """All values as parameters: one in ``every``, from the ``first`` on, is tried by ``make test``.

    The others are marked ``reliability``, and the conftest leaves them out but for
    ``make reliability``.
    """
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            marks=() if place % every == first else pytest.mark.reliability,
        )
        for place, value in enumerate(values)
    ]
