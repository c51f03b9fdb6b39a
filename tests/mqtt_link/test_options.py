"""Options of a broker that would not do what their author expects."""

from __future__ import annotations

import pytest

from agent.config.load import parse
from agent.errors import ConfigError
from agent.plugins import PlugIns

SINK = '[[stations]]\nid = "ST4"\n[[sinks]]\ntype = "mqtt"\nname = "plant"\n'


@pytest.mark.parametrize(
    ("line", "path", "message"),
    [
        ('password = "s3cret"', "sinks[0].password", "unknown key"),
        ('password_file = "p"', "sinks[0].password_file", "needs username"),
        ('tls_cert = "c"', "sinks[0].tls_cert", "needs tls_ca, without which the connection is not encrypted"),
        ('tls_ca = "a"\ntls_key = "k"', "sinks[0].tls_key", "needs tls_cert"),
        ('host = "mqtt://agent:s3cret@broker"', "sinks[0].host", "expected a name or an address alone"),
    ],
)
def test_a_login_that_would_be_unsafe_or_without_effect_is_refused(line, path, message):
    with pytest.raises(ConfigError) as caught:
        parse((SINK + line).encode(), PlugIns())
    problems = {where: (what, hint) for where, what, hint in caught.value.problems}
    assert message in problems[path][0]
    if "unknown" in message:
        assert "password_file" in problems[path][1]


def test_the_whole_login_is_accepted():
    text = SINK + 'username = "u"\npassword_file = "p"\ntls_ca = "a"\ntls_cert = "c"\ntls_key = "k"\n'
    assert parse(text.encode(), PlugIns()).sinks[0].options["tls_key"] == "k"
