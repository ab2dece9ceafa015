"""What GitHub Actions reads is written as it wants it."""

from dlcli.github import add_summary, annotation, annotations_of, is_github


def test_a_problem_is_marked_at_its_place():
    message = (
        "net.yaml:9:5: unknown layer 'Dens'\n  |\n9 |   - Dens: 64\n  |     ^^^^\n"
        "hint: did you mean 'Dense'?\nerror: net.yaml:2:1: 50% wrong"
    )
    assert list(annotations_of(message)) == [
        "::error file=net.yaml,line=9,col=5::unknown layer 'Dens'%0Ahint: did you mean 'Dense'?",
        "::error file=net.yaml,line=2,col=1::50%25 wrong",
    ]


def test_what_has_no_place_marks_the_job():
    assert list(annotations_of("no such run: x:1", hint="train")) == [
        "::error::no such run: x:1%0Ahint: train"
    ]
    assert annotation("a", file="a,b:c.yaml", title="t") == "::error file=a%2Cb%3Ac.yaml,title=t::a"


def test_the_summary_grows(tmp_path):
    path = tmp_path / "summary.md"
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(path)}
    add_summary("one", environment)
    add_summary("two\n", environment)
    assert path.read_text() == "one\n\ntwo\n\n"
    assert is_github(environment)
    add_summary("three", {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_text() == "one\n\ntwo\n\n"
