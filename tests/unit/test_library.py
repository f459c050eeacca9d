"""Playbook files: what is read from them, and what is refused."""

from __future__ import annotations

import json

import pytest

from soar import library
from soar.domain.errors import BadInput

SOURCE = '"""\nBlock it all\n\nMore.\n"""\n\ndef on_start(container):\n    pass\n'


@pytest.fixture
def write(tmp_path):
    """Return a writer of a playbook file and, if given, its sidecar."""

    def make(source=SOURCE, sidecar=None, name="block_all.py"):
        path = tmp_path / name
        path.write_text(source, encoding="utf-8")
        if sidecar is not None:
            text = sidecar if isinstance(sidecar, str) else json.dumps(sidecar)
            path.with_suffix(".json").write_text(text, encoding="utf-8")
        return path

    return make


def test_a_file_alone_is_named_by_its_stem_and_its_docstring(write):
    """
    Without a sidecar: the stem, the first line of the docstring, version 1.0, no baseline.
    """
    found = library.read(write())

    assert (found.name, found.title, found.version) == ("block_all", "Block it all", "1.0")
    assert (found.manual_minutes, found.labels, found.source) == (0, (), SOURCE)


def test_a_file_without_docstring_has_its_stem_for_title(write):
    """
    A title is never empty.
    """
    assert library.read(write("def on_start(container): pass\n")).title == "block_all"


def test_the_sidecar_says_the_rest(write):
    """
    Every field of the sidecar is read.
    """
    sidecar = {
        "name": "other",
        "title": "Other",
        "version": "2.3",
        "manual_baseline_minutes": 35,
        "labels": ["phishing"],
        "description": "d",
    }

    found = library.read(write(sidecar=sidecar))

    assert found == library.PlaybookFile(
        name="other",
        title="Other",
        version="2.3",
        source=SOURCE,
        manual_minutes=35,
        labels=("phishing",),
        description="d",
    )


@pytest.mark.parametrize(
    ("sidecar", "field"),
    [
        ({"manual_minutes": 35}, "manual_minutes"),
        ({"title": 7}, "title"),
        ({"title": " "}, "title"),
        ({"name": "../x"}, "name"),
        ({"version": 2}, "version"),
        ({"manual_baseline_minutes": -1}, "manual_baseline_minutes"),
        ({"manual_baseline_minutes": True}, "manual_baseline_minutes"),
        ({"labels": "phishing"}, "labels"),
        ([], "block_all.json"),
        ("{", "block_all.json"),
    ],
)
def test_a_sidecar_field_that_cannot_be_used_is_named(write, sidecar, field):
    """
    An unknown field is refused like one of the wrong kind: nothing silently does nothing.
    """
    with pytest.raises(BadInput) as refused:
        library.read(write(sidecar=sidecar))

    assert refused.value.field == field


def test_a_syntax_error_names_its_line(write):
    """
    A file that Python cannot read is refused before it is kept.
    """
    with pytest.raises(BadInput, match="line 2"):
        library.read(write("x = 1\ndef on_start(:\n"))


def test_a_playbook_without_on_start_is_refused(write):
    """
    Nothing could start it.
    """
    with pytest.raises(BadInput, match="no function on_start"):
        library.read(write("def begin(container): pass\n"))


def test_a_file_that_is_no_playbook_is_refused(write, tmp_path):
    """
    Another ending, a missing file and binary rubbish: one sentence each.
    """
    with pytest.raises(BadInput, match=r"must be a \.py file"):
        library.read(write(name="notes.txt"))
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        library.read(tmp_path / "missing.py")
    (tmp_path / "rubbish.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not UTF-8"):
        library.read(tmp_path / "rubbish.py")


def test_reading_a_playbook_does_not_run_it(write):
    """
    What a file does when it is imported does not happen while it is checked.
    """
    library.read(write("raise SystemExit('ran')\ndef on_start(container): pass\n"))


def test_the_built_in_playbooks_are_readable_and_pure():
    """
    The three that come with the product, under the names that triggers use.
    """
    found = {file.name: file for file in library.built_in()}

    assert set(found) == {"phishing_triage_automation", "alert_enrichment", "containment"}
    triage = found["phishing_triage_automation"]
    assert (triage.title, triage.version) == ("Phishing Triage Automation", "2.3")
    assert (triage.manual_minutes, triage.labels) == (35, ("phishing", "notable"))
    for file in found.values():
        assert library.program.load(file.name, file.source).pure


def test_saving_hands_everything_to_the_store():
    """
    Name, version and source make the version; labels and description go with it.
    """

    class Playbooks:
        def save(self, **values):
            self.values = values
            return 7, True

    class Work:
        playbooks = Playbooks()

    file = library.PlaybookFile(
        name="p", title="P", version="1.0", source=SOURCE, manual_minutes=5, labels=("a",)
    )

    assert library.save(Work(), file) == (7, True)
    assert Work.playbooks.values == {
        "name": "p",
        "title": "P",
        "version": "1.0",
        "source": SOURCE,
        "manual_minutes": 5,
        "details": {"labels": ["a"], "description": ""},
        "author": "",
        "candidate": False,
    }


def test_a_name_may_have_spaces_inside(write):
    """
    Splunk names playbooks so; not at an end, where nobody sees them.
    """
    assert library.read(write(name="Contain Host v2.py")).name == "Contain Host v2"
    with pytest.raises(BadInput, match=r"digits, _, [.], - and spaces only"):
        library.read(write(name="Contain .py"))


def test_the_oldest_sidecars_of_splunk_are_read(write):
    """
    Beside the first releases' playbooks stand a category, labels and a time.
    """
    sidecar = {"category": "Use", "create_time": "2015-08-27T19:21:54+00:00", "labels": ["*"]}

    found = library.read(write(sidecar=sidecar))

    assert (found.version, found.labels, found.more["category"]) == ("2015-08-27", ("*",), "Use")
