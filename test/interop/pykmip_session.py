"""What the scripts for PyKMIP's client share: their arguments, the connection, and how they report.

Usage of each: SCRIPT HOST PORT CERTIFICATE KEY CA VERSION; it prints one JSON object a step.
"""

import json
import sys

from kmip.core import enums
from kmip.pie import client


def report(step, **found):
    print(json.dumps({"step": step, **found}), flush=True)


def perform(work):
    """Connects as the arguments say and hands the connection and the version, as in "1.4", to `work`."""
    host, port, certificate, key, authority, version = sys.argv[1:]
    with client.ProxyKmipClient(
        hostname=host,
        port=int(port),
        cert=certificate,
        key=key,
        ca=authority,
        ssl_version="PROTOCOL_TLSv1_2",
        kmip_version=enums.KMIPVersion["KMIP_" + version.replace(".", "_")],
    ) as connection:
        work(connection, version)
