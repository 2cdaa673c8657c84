"""Fixtures of the tests that boot kernels."""

from __future__ import annotations

import pytest

from .proof import Nonces


@pytest.fixture
def nonces() -> Nonces:
    """The nonces of this test's boot."""
    return Nonces()
