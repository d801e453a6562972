"""The simulated schedule on cases that can be worked out by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.scaling import Times, finish_s, host_speeds, report


def test_every_piece_goes_to_the_host_that_is_free_first() -> None:
    assert finish_s([4, 2, 2], [1, 1], [0, 0]) == 4
    assert finish_s([4, 4], [1, 2], [0, 0]) == 4
    assert finish_s([1, 1, 1], [1, 1], [0, 10]) == 3


@pytest.fixture
def times() -> Times:
    return Times(image_s=1.0, opening_s=10.0, conversions_s=(5.0,) * 20, bundle_mib=1e4, join_s=1e-3, networks=20)


def test_more_hosts_take_less_time_and_never_less_than_their_share(times: Times) -> None:
    for _, table in report(times).groupby(["link_gbit_per_s", "pieces_per_host"]):
        assert list(table.hosts) == sorted(table.hosts)
        assert table.evaluation_s.iloc[-1] < table.evaluation_s.iloc[0] / 8
        for row in table.itertuples():
            assert row.evaluation_s >= 50_000 * times.image_s / sum(host_speeds(row.hosts))


def test_a_slow_link_is_paid_for(times: Times) -> None:
    table = report(times).set_index(["link_gbit_per_s", "pieces_per_host", "hosts"])
    assert table.sending_s[1.0, 4, 64] == pytest.approx(10 * table.sending_s[10.0, 4, 64])
    assert table.total_s[1.0, 4, 64] > table.total_s[10.0, 4, 64]
    assert table.sent_gib[1.0, 4, 1] == 0


def test_an_artifact_that_two_models_share_is_converted_and_sent_once() -> None:
    row = {"backend": "onnxruntime", "precision": "fp32", "graph": "native", "latency_median_ms": 10.0, "load_s": 0.1}
    rows = pd.DataFrame([{**row, "artifact_sha256": "a", "conversion_s": 3.0, "artifact_mib": 5.0}] * 2)
    found = Times.of(rows, 0.0)
    assert (found.image_s, found.conversions_s, found.bundle_mib, found.networks) == (0.02, (3.0,), 5.0, 2)
