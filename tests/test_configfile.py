"""Configuration files: which are read, and that root reads no other user's secrets by them."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from support.files import put

from warmboot.core.configfile import ConfigFile, config_files, read_config
from warmboot.core.errors import WarmbootError

TEXT = "theme = 'day'\n"
NAME = ".config/warmboot/config.toml"


def someone() -> pwd.struct_passwd:
    """Return a user who is not root."""
    return next(one for one in pwd.getpwall() if one.pw_uid and one.pw_dir != "/nonexistent")


def of_another(home: Path, *, owner: int | None = None) -> ConfigFile:
    return ConfigFile(home / NAME, home, os.getuid() if owner is None else owner)


@pytest.mark.parametrize("variable", ["SUDO_UID", "PKEXEC_UID", "DOAS_USER"])
def test_who_became_root_has_a_say(variable: str) -> None:
    user = someone()
    value = user.pw_name if variable == "DOAS_USER" else str(user.pw_uid)
    environment = {"HOME": "/root", variable: value}
    names = [str(one.path) for one in config_files(environment, root=True)]
    assert names[:2] == ["/etc/warmboot/config.toml", f"/root/{NAME}"]
    assert names[2] == f"{user.pw_dir}/{NAME}"
    assert config_files(environment, root=True)[2].owner == user.pw_uid
    assert len(config_files(environment, root=False)) == 2
    kept = {"HOME": user.pw_dir, variable: value}  # sudo -E
    assert [one.owner for one in config_files(kept, root=True)] == [None, user.pw_uid]


@pytest.mark.parametrize("value", ["", "0", "-1", "99999999999999", "nobody-of-this-name", "1 2"])
def test_nobody_else_has(value: str) -> None:
    assert len(config_files({"HOME": "/root", "SUDO_UID": value}, root=True)) == 2


def test_a_file_of_the_user_s_is_read(tmp_path: Path) -> None:
    assert read_config(of_another(tmp_path)) == {}
    put(tmp_path, NAME, TEXT)
    assert read_config(of_another(tmp_path)) == {"theme": "day"}
    assert read_config(ConfigFile(tmp_path / NAME)) == {"theme": "day"}


def test_links_stay_inside_the_home_folder(tmp_path: Path) -> None:
    secret = put(tmp_path, "etc/secret", TEXT)
    home = tmp_path / "home"
    put(home, "dotfiles/config.toml", TEXT)
    (home / NAME).parent.mkdir(parents=True)
    (home / NAME).symlink_to("../../dotfiles/config.toml")
    assert read_config(of_another(home)) == {"theme": "day"}
    for target in (secret, Path("../../../etc/secret")):
        (home / NAME).unlink()
        (home / NAME).symlink_to(target)
        assert read_config(of_another(home)) == {}


def test_what_is_not_to_be_trusted_is_refused(tmp_path: Path) -> None:
    file = put(tmp_path, NAME, TEXT)
    if os.geteuid() == 0:
        os.chown(file, 12345, 12345)
        with pytest.raises(WarmbootError, match="belongs neither"):
            read_config(of_another(tmp_path, owner=1))
        os.chown(file, 0, 0)
        os.link(file, tmp_path / "other")
        with pytest.raises(WarmbootError, match="belongs neither"):
            read_config(of_another(tmp_path, owner=1))
        (tmp_path / "other").unlink()
        assert read_config(of_another(tmp_path, owner=1)) == {"theme": "day"}
    file.chmod(0o666)
    with pytest.raises(WarmbootError, match="everybody may write"):
        read_config(of_another(tmp_path))
    file.unlink()
    os.mkfifo(file)
    for one in (of_another(tmp_path), ConfigFile(file)):
        with pytest.raises(WarmbootError, match="not a regular file"):
            read_config(one)
    file.unlink()
    put(tmp_path, NAME, "a = 1\n" + "#" * (1 << 18))
    with pytest.raises(WarmbootError, match="more than"):
        read_config(of_another(tmp_path))
