"""Every tap there is receives, and the sink sends, inside the sandbox of the shipped unit; frames are measured there too."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from agent.plugins import PlugIns
from agent.state_folder import STORE_NAME
from agent.store.reader import Reader
from tests.brokers import until
from tests.edges import inspection
from tests.system.box import CONFIG, CREDENTIALS, RESULTS, Box

pytestmark = pytest.mark.system

STATION = '[[stations]]\nid = "ST4"\n'
PASSWORD = "correct horse"


def record(part: str) -> bytes:
    """An inspection with its picture, so that the measuring child works as well."""
    picture = np.random.default_rng(7).integers(40, 200, (64, 64), dtype=np.uint8)
    return inspection(part, image_inline=base64.b64encode(cv2.imencode(".png", picture)[1]).decode())


def jsonl(box: Box) -> tuple[str, Callable[[bytes], None]]:
    """A folder of results that everybody may read."""

    def send(raw: bytes) -> None:
        with (box.root / RESULTS / "line.jsonl").open("ab") as file:
            file.write(raw + b"\n")

    return f'[[taps]]\ntype = "jsonl"\nname = "line"\npaths = ["/{RESULTS}/*.jsonl"]\npoll_s = 0.1\n', send


def mqtt(box: Box) -> tuple[str, Callable[[bytes], None]]:
    """A broker with TLS and a password; certificate and password are credentials of the unit. The sink uses it too."""
    certificate, key = box.root / "etc/mosquitto/server.pem", box.root / "etc/mosquitto/server.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o644)
    box.run("mosquitto_passwd", "-b", "-c", "/etc/mosquitto/passwords", "linewarden", PASSWORD)
    (box.root / "etc/mosquitto/passwords").chmod(0o644)
    box.write(
        "etc/mosquitto/conf.d/test.conf",
        "listener 8883 127.0.0.1\ncertfile /etc/mosquitto/server.pem\nkeyfile /etc/mosquitto/server.key\n"
        "password_file /etc/mosquitto/passwords\nallow_anonymous false\n",
    )
    box.run("systemctl", "restart", "mosquitto")
    box.write(f"{CREDENTIALS}/linewarden.mqtt", PASSWORD + "\n", 0o600)
    box.write(f"{CREDENTIALS}/linewarden.tls_ca", certificate.read_text(), 0o600)
    given = "/run/credentials/linewarden.service"
    broker = f'port = 8883\nusername = "linewarden"\npassword_file = "{given}/mqtt"\ntls_ca = "{given}/tls_ca"\n'

    def send(raw: bytes) -> None:
        box.write("tmp/record.json", raw.decode())
        box.run("/opt/linewarden/bin/python", "-c", PUBLISH, "/tmp/record.json", "linewarden/v1/in/inspection")

    return f'[[taps]]\ntype = "mqtt"\nname = "line"\n{broker}[[sinks]]\ntype = "mqtt"\nname = "plant"\n{broker}', send


def socket(box: Box) -> tuple[str, Callable[[bytes], None]]:
    """The unit's socket, and the client as a member of its group would use it."""

    def send(raw: bytes) -> None:
        box.write("tmp/record.json", raw.decode())
        member = ("setpriv", "--reuid=65534", "--regid=linewarden-tap", "--clear-groups")
        box.run(*member, "/opt/linewarden/bin/python", "-c", HAND_OVER, "/tmp/record.json")

    return '[[taps]]\ntype = "socket"\nname = "line"\npath = "/run/linewarden/linetap.sock"\n', send


HAND_OVER = """
import json, sys
from agent.client.linetap import LineTap
tap = LineTap("/run/linewarden/linetap.sock")
assert tap.send({"type": "inspection", **json.load(open(sys.argv[1]))})
assert tap.close(10), tap.stats()
assert not tap.stats()["refused"], tap.stats()
"""
PUBLISH = f"""
import sys
from paho.mqtt.publish import single
single(sys.argv[2], open(sys.argv[1]).read(), qos=1, hostname="127.0.0.1", port=8883,
       auth={{"username": "linewarden", "password": "{PASSWORD}"}}, tls={{"ca_certs": "/etc/mosquitto/server.pem"}})
"""


def http(box: Box) -> tuple[str, Callable[[bytes], None]]:
    """A POST with the token that is a credential of the unit."""
    box.write(f"{CREDENTIALS}/linewarden.http_token", TOKEN + "\n", 0o600)

    def send(raw: bytes) -> None:
        box.write("tmp/record.json", raw.decode())
        box.run("/opt/linewarden/bin/python", "-c", POST, "/tmp/record.json")

    return '[[taps]]\ntype = "http"\nname = "line"\ntoken_file = "http_token"\n', send


TOKEN = "0123456789abcdef"
POST = f"""
import sys
from urllib.request import Request, urlopen
given = {{"Content-Type": "application/json", "Authorization": "Bearer {TOKEN}"}}
assert urlopen(Request("http://127.0.0.1:9465/v1/in/inspection", open(sys.argv[1], "rb").read(), given)).status == 202
"""

# One line per tap: how it is configured in the container, and how a record is sent to it there.
CASES: dict[str, Callable[[Box], tuple[str, Callable[[bytes], None]]]] = {
    "http": http,
    "jsonl": jsonl,
    "mqtt": mqtt,
    "socket": socket,
}


@pytest.mark.parametrize("tap", PlugIns().types("taps"))
def test_the_tap_works_in_the_sandbox(box, tap, tmp_path):
    assert tap in CASES, f"the tap {tap} has no case here: say how it is configured and fed in the container"
    config, send = CASES[tap](box)
    box.write(CONFIG, STATION + config)
    box.start()
    until(lambda: box.status()["taps"]["line"]["connected"] == 1.0, 20, "the tap is connected")
    for number in range(3):
        send(record(f"P{number}"))
    until(lambda: box.parts() == 3, 30, "the records are there")
    status = box.status()
    assert "frames_missing" not in json.dumps(status["stations"][0]["counters"]), status["stations"][0]["counters"]
    box.run("systemctl", "stop", "linewarden.service")
    with Reader(box.kept(tmp_path / "kept") / STORE_NAME) as store:
        frames = [entry.frame for _, entry in store.entries() if hasattr(entry, "frame")]
    assert [frame is not None and not frame.missing and len(frame.values) > 0 for frame in frames] == [True, True, True]


def test_the_mqtt_sink_logs_in_with_the_credentials_of_the_unit(box):
    config, _ = mqtt(box)
    box.write(CONFIG, STATION + config)
    box.start()
    until(lambda: box.status()["sinks"]["plant"]["connected"] == 1.0, 20, "the sink is connected")
