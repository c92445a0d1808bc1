import random

from hypothesis import given
from hypothesis import strategies as st

from policloud.runtime.workqueue import Backoff


@given(failures=st.integers(1, 10_000), seed=st.integers(0, 1000))
def test_delays_grow_stay_bounded_and_jitter_is_within_its_share(failures: int, seed: int) -> None:
    backoff = Backoff(base=0.5, ceiling=100.0, jitter=0.2)
    delay = backoff.delay(failures, random.Random(seed))  # noqa: S311
    exact = min(100.0, 0.5 * 2.0 ** min(failures - 1, 30))
    assert exact * 0.8 <= delay <= exact * 1.2
