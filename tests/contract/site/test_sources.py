"""EnergySources against a real API server: what is wrong with a meter is a condition, never a crash."""

from sitelab import API, SYSTEM, Lab, node, source, thing, unit
from waiting import until


def test_a_missing_trace_file_is_named_and_counts_as_no_power_until_it_appears(lab: Lab) -> None:
    lab.apply(source("no-file"))
    until(lambda: _fresh(lab, "no-file")[1] == "TraceFileMissing", "TelemetryFresh says so")
    status, _, message = _fresh(lab, "no-file")
    assert status == "False"
    assert str(lab.traces / "no-file.csv") in message
    assert "time,watts" in message
    assert _status(lab, "no-file")["availableWatts"] == 0
    lab.wind("no-file", 12_000)
    until(lambda: _status(lab, "no-file").get("availableWatts") == 12_000, "it mends itself once the file is there")
    assert lab.condition("EnergySource", "no-file", "Ready")[0] == "True"


def test_a_bad_row_is_named_by_its_line(lab: Lab) -> None:
    (lab.traces / "bad-row.csv").write_text("time,watts\n0,1000\n60,many\n")
    lab.apply(source("bad-row"))
    until(lambda: _fresh(lab, "bad-row")[1] == "TraceFileInvalid", "TelemetryFresh says so")
    assert "line 3" in _fresh(lab, "bad-row")[2]
    assert "'many'" in _fresh(lab, "bad-row")[2]


def test_a_provider_of_a_later_release_counts_as_no_power(lab: Lab) -> None:
    body = source("sunspec")
    meter = body["spec"]["telemetry"]["meters"][0]
    del meter["simulated"]
    meter["sunspec"] = {"host": "10.20.0.11"}
    lab.apply(body)
    until(lambda: _fresh(lab, "sunspec")[1] == "ProviderNotServed", "TelemetryFresh says so")
    assert "sunspec" in _fresh(lab, "sunspec")[2]
    assert _status(lab, "sunspec")["availableWatts"] == 0


def test_a_source_whose_file_vanishes_is_stale_then_dead(lab: Lab) -> None:
    lab.wind("vanish", 9_000)
    lab.apply(source("vanish"))
    until(lambda: _status(lab, "vanish").get("availableWatts") == 9_000, "it is read")
    (lab.traces / "vanish.csv").unlink()
    until(lambda: _status(lab, "vanish").get("quality") == "Stale", "readings age", 10)
    assert _status(lab, "vanish")["availableWatts"] == 9_000, "stale holds what it was"
    until(lambda: _status(lab, "vanish").get("quality") == "Dead", "and die", 10)
    assert _status(lab, "vanish")["availableWatts"] == 0


def test_a_source_that_is_deleted_waits_for_the_work_that_needs_it(lab: Lab) -> None:
    lab.wind("leaving", 50_000)
    lab.apply(source("leaving"), unit("on-leaving", "FR-21"), node("on-leaving-n0", "on-leaving"))
    lab.patch("PolicloudUnit", "on-leaving", {"spec": {"electrical": {"sources": ["leaving"]}}})
    lab.run("t-leaving", "svc", "FR-21")
    until(lambda: lab.reason("t-leaving", "svc") == "Running", "work runs on it")
    lab.delete("EnergySource", "leaving")
    until(lambda: lab.reason("t-leaving", "svc") == "WaitingForEnergy", "the work is shed", 30)
    until(lambda: lab.get("EnergySource", "leaving") is None, "then the source goes", 30)


def test_price_and_carbon_now_are_in_the_status(lab: Lab) -> None:
    lab.wind("priced", 5_000)
    price = {"model": "Opportunity", "currency": "EUR"}
    price["opportunity"] = {  # type: ignore[assignment]
        "reference": "Fixed",
        "referencePerMWh": "40.00",
        "feePerMWh": "6.00",
        "floorPerMWh": "0.00",
    }
    lab.apply(source("priced", price=price, carbon={"lifecycleGramsPerKWh": 11}))
    until(lambda: _status(lab, "priced").get("pricePerKWh") == "0.034", "the kWh costs what it would have earned")
    assert _status(lab, "priced")["gramsPerKWh"] == 11


def test_one_broken_source_does_not_stop_the_others(lab: Lab) -> None:
    broken = thing(API, "EnergySource", "zone-less", SYSTEM, spec=source("zone-less")["spec"])
    broken["spec"]["telemetry"]["meters"][0]["simulated"] = {"trace": {"file": "/proc/self/mem"}}
    lab.wind("healthy", 7_000)
    lab.apply(broken, source("healthy"))
    until(lambda: _fresh(lab, "zone-less")[0] == "False", "the broken one says so")
    until(lambda: _status(lab, "healthy").get("availableWatts") == 7_000, "the other is read")


def _status(lab: Lab, name: str) -> dict:  # type: ignore[type-arg]
    return (lab.get("EnergySource", name) or {}).get("status") or {}


def _fresh(lab: Lab, name: str) -> tuple[str, str, str]:
    return lab.condition("EnergySource", name, "TelemetryFresh")
