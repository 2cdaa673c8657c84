"""What a replay that fails is called: the cause, and never the parser's fault where it is not."""

from __future__ import annotations

import errno

import pytest

from warmboot.core.bpf import replay as replay_module
from warmboot.core.bpf.abi import Dialect, Kind
from warmboot.core.bpf.bpf_syscall import LoadError
from warmboot.core.bpf.parsers import prebuilt
from warmboot.core.bpf.replay import Replay, Stage, replay
from warmboot.core.bpf.sizes import AS_COMPILED
from warmboot.core.bpf.toolchain import Recipe
from warmboot.core.images import BytesView

PARSER = BytesView(prebuilt(Recipe(Dialect.V6, Kind.ZBOOT, AS_COMPILED)).content)
MAP, LOAD, LOADER = (
    "the map for the skeleton's data",
    "the loader program's load",
    "the loader program",
)
LOG = (
    "0: (85) call bpf_get_parser_context#7\ncannot call GPL-restricted function\nprocessed 5 insns"
)


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> object:
    """What a replay says where loading fails at a step; `rights`: whether this user has them."""

    def run(step: str, code: int, log: str, *, rights: bool) -> Replay:
        def load(*_: object, **__: object) -> object:
            raise LoadError(step, code, log)

        monkeypatch.setattr(replay_module, "load", load)
        monkeypatch.setattr(replay_module, "may_trace", lambda: rights)
        return replay(PARSER)

    return run


@pytest.mark.parametrize(
    ("step", "code", "log", "rights", "stage"),
    [
        (MAP, errno.EPERM, "", True, Stage.NO_BPF),
        (MAP, errno.ENOSYS, "", True, Stage.NO_BPF),
        (MAP, errno.EPERM, "", False, Stage.RIGHTS),
        (LOAD, errno.EACCES, "R0 leaks addr into map", False, Stage.RIGHTS),
        (LOAD, errno.EACCES, "R0 leaks addr into map", True, Stage.LOADER),
        (LOADER, errno.EPERM, "", False, Stage.RIGHTS),
        (LOADER, errno.ENOENT, "", True, Stage.ABSENT),
        (LOADER, errno.EINVAL, LOG, True, Stage.PROGRAM),
        *((step, errno.ENOMEM, "", True, Stage.MEMORY) for step in (MAP, LOAD, LOADER)),
        *((step, errno.EMFILE, "", False, Stage.FILES) for step in (MAP, LOAD, LOADER)),
        (LOADER, errno.ENFILE, "", True, Stage.FILES),
    ],
)
def test_each_cause_has_its_name(
    failed: object, step: str, code: int, log: str, rights: bool, stage: Stage
) -> None:
    found = failed(step, code, log, rights=rights)  # type: ignore[operator]
    assert (found.stage, found.code) == (stage, code)
    assert f"{stage.value} ({errno.errorcode[code]})" in found.text


def test_the_verifiers_own_words_go_along() -> None:
    text = Replay(Stage.PROGRAM, errno.EINVAL, LOG).text
    assert text == (
        "the kernel's verifier refuses the parser (EINVAL): cannot call GPL-restricted function"
    )
    hostile = Replay(Stage.PROGRAM, errno.EINVAL, "\x1b]0;title\x07" + "x" * 9000).text
    assert "\x1b" not in hostile
    assert len(hostile) < 400
    assert Replay(Stage.DONE, 0, "verification time 5 usec").text == Stage.DONE.value
