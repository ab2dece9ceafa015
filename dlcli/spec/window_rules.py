"""Rules of `data.window` that need no data."""

from dlcli.spec.data import DataSpec, as_names
from dlcli.spec.problems import KeyPath, Problems
from dlcli.spec.windows import WindowSpec

_PATH: KeyPath = ("data", "window")


def check_window(data: DataSpec, problems: Problems) -> None:
    """Report settings that contradict each other, or the split and the inputs."""
    if data.window is None:
        return
    _check_season(data.window, problems)
    _check_lags(data, data.window, problems)
    _check_columns(data, data.window, problems)
    if not problems.within(("data", "split")):
        _check_split(data, data.window, problems)


def _check_season(window: WindowSpec, problems: Problems) -> None:
    if window.season is not None and window.season > window.rows_known:
        most = window.season + window.length - window.rows_known
        problems.add(
            (*_PATH, "season"),
            f"a window of {window.length} rows does not hold a season of {window.season}",
            hint=f"length: {most} or more, so that a value of the last season is in every window; "
            "or leave season out",
        )


def _check_lags(data: DataSpec, window: WindowSpec, problems: Problems) -> None:
    targets = data.target_names
    listed = [name for name in as_names(data.inputs or ()) if name in targets]
    wants = window.lags or listed
    if wants and window.offset == 0:
        problems.add(
            (*_PATH, "lags" if window.lags else "offset"),
            f"with offset: 0 the window holds the row that is predicted, and so its own "
            f"{targets[0]!r}: an input would be the answer",
            hint="offset: 1 predicts the row after the window; or leave lags out",
            on_key=True,
        )
    elif listed and window.lags is False:
        problems.add(
            (*_PATH, "lags"),
            f"lags: false, but the target {listed[0]!r} stands under inputs",
            hint="leave one of them out",
            on_key=True,
        )


def _check_columns(data: DataSpec, window: WindowSpec, problems: Problems) -> None:
    if window.time is not None and window.time == window.group:
        problems.add(
            (*_PATH, "group"),
            f"column {window.group!r} stands under both time and group",
            hint="keep it in one of them",
        )
    used = {
        **{name: "drop" for name in as_names(data.drop)},
        **{name: "target" for name in data.target_names},
    }
    for index, name in enumerate(window.static_names):
        if name in used:
            path: KeyPath = (*_PATH, "static")
            problems.add(
                path if isinstance(window.static, str) else (*path, index),
                f"column {name!r} stands under both static and {used[name]}",
                hint="keep it in one of them",
            )


def _check_split(data: DataSpec, window: WindowSpec, problems: Problems) -> None:
    split = data.split
    if split.stratify:
        problems.add(
            ("data", "split", "stratify"),
            "windows are split in time order, which follows no classes",
            hint="leave stratify out",
            on_key=True,
        )
    if split.time is not None and split.time != window.time:
        message = f"the split follows {split.time!r}"
        message += f", and the windows {window.time!r}" if window.time else ", and no window does"
        problems.add(
            ("data", "split", "time"),
            message,
            hint=f"leave it out: the split follows data.window.time; write it there if "
            f"{split.time!r} orders the rows",
            on_key=True,
        )
