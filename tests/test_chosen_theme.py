"""The theme in the operator's configuration: all else stays, and no link is followed."""

from __future__ import annotations

import os
import pwd
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import put

from warmboot.core.chosen_theme import with_theme, write_theme
from warmboot.core.configfile import ConfigFile, config_files, own_config, read_config
from warmboot.core.errors import WarmbootError

NOBODY = 65534
LINES = st.lists(
    st.sampled_from(
        [
            "# theme = 'x'",
            "theme = 'day'",
            '  theme="a#b" # mine',
            "other = 3",
            "",
            "[themes.ours]",
            "accent = '#ffaa00'",
            "[keys]",
            "text = '''",
            "'''",
            "theme.sub = 1",
        ]
    ),
    max_size=9,
)


@given(lines=LINES, end=st.sampled_from(["", "\n"]))
def test_all_but_the_theme_stays(lines: list[str], end: str) -> None:
    content = "\n".join(lines) + end
    try:
        before = tomllib.loads(content)
        after = with_theme(content, "mono")
    except ValueError:
        return
    assert tomllib.loads(after) == {**before, "theme": "mono"}
    kept = [line for line in lines if line and ("theme" not in line or line.startswith("#"))]
    assert [line for line in after.split("\n") if line in kept] == kept
    assert with_theme(after, "mono") == after


def test_a_file_is_made_and_changed(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path / ".config/warmboot/config.toml")
    write_theme(file, "day")
    assert read_config(file) == {"theme": "day"}
    put(tmp_path, ".config/warmboot/config.toml", "# mine\ntheme = 'x'\n[keys]\n")
    os.chmod(file.path, 0o600)
    write_theme(file, "mono")
    assert file.path.read_text() == '# mine\ntheme = "mono"\n[keys]\n'
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(file.path.parent)) == ["config.toml"]


@pytest.mark.parametrize("content", ["theme = ", "a = 1\na = 2\n", "x = '''\ntheme = 1\n'''\n"])
def test_what_is_not_understood_is_left_alone(tmp_path: Path, content: str) -> None:
    path = put(tmp_path, "config.toml", content)
    with pytest.raises(WarmbootError) as refused:
        write_theme(ConfigFile(path), "day")
    assert refused.value.hint == 'Write theme = "day" there yourself.'
    assert path.read_text() == content


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who is the one to be led astray")
@pytest.mark.parametrize(
    "linked", ["", ".config", ".config/warmboot", ".config/warmboot/config.toml"]
)
def test_root_writes_in_a_home_and_follows_no_link(tmp_path: Path, linked: str) -> None:
    """As under sudo: new folders and the file are the user's, and nothing else is written."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    secret = put(elsewhere, "warmboot/config.toml", "a = 1\n")
    for folder in (home, elsewhere):
        folder.mkdir(exist_ok=True)
        os.chown(folder, NOBODY, NOBODY)
    if linked:
        place = home / linked
        place.parent.mkdir(parents=True, exist_ok=True)
        target = {".config": elsewhere, ".config/warmboot": elsewhere / "warmboot"}
        place.symlink_to(target.get(linked, secret))
    file = ConfigFile(home / ".config/warmboot/config.toml", home, NOBODY)
    if linked:
        with pytest.raises(WarmbootError, match="was not changed: it is, or lies behind"):
            write_theme(file, "day")
    else:
        write_theme(file, "day")
        for path in (file.path, file.path.parent, file.path.parent.parent):
            assert path.stat().st_uid == NOBODY
            assert path.stat().st_gid == pwd.getpwuid(NOBODY).pw_gid
    assert secret.read_text() == "a = 1\n"
    assert os.listdir(secret.parent) == ["config.toml"]


def test_only_a_file_of_the_operator_is_written(tmp_path: Path) -> None:
    nowhere = config_files({}, tmp_path, root=False)
    assert own_config(nowhere) is None
    mine = config_files({"HOME": str(tmp_path)}, tmp_path, root=False)
    assert own_config(mine) == ConfigFile(tmp_path / ".config/warmboot/config.toml")
