"""The application: all that a front end asks for. Front ends build no plan and read no journal."""

from warmboot.core.sandbox.marker import is_sandbox
from warmboot.core.session.opening import make_sandbox, open_images, open_session
from warmboot.core.session.session import CmdlineReview, Evidence, Session

__all__ = [
    "CmdlineReview",
    "Evidence",
    "Session",
    "is_sandbox",
    "make_sandbox",
    "open_images",
    "open_session",
]
