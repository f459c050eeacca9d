"""What a log line may say of an error."""

from __future__ import annotations

import pytest

from soar import telemetry


@pytest.mark.parametrize("as_json", [True, False])
def test_a_logged_error_shows_where_and_what_kind_but_never_its_text(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The text of an exception often quotes a parameter: it stays out of the log.
    """
    telemetry.configure("INFO", json=as_json)

    try:
        {}["tell-nobody"]
    except KeyError:
        telemetry.log.exception("went_wrong")

    said = capsys.readouterr().err
    assert "KeyError" in said
    assert "test_telemetry.py" in said
    assert "KeyError: " not in said
    assert "'tell-nobody'" not in said.replace('{}["tell-nobody"]', "")
