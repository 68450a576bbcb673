"""A server's functions, as clients see them over HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx

from merganser.server.config import ServerConfig
from merganser.server.run import start_in_background

CODE = '''
from merganser import scalar_function

@scalar_function(author="Ann", version="2")
def shout(text: str) -> str:
    """The text in capitals."""
    return text.upper()
'''

CREATE = (
    "CREATE FUNCTION twice(n INT) RETURNS INT LANGUAGE PYTHON AS $$ return 2 * n; $$; "
    "CREATE STREAM s (t STRING, n INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
    "INSERT INTO s (t, n) VALUES (shout('a'), twice(21));"
)


def test_functions_over_http(tmp_path: Path) -> None:
    (tmp_path / "ext").mkdir()
    (tmp_path / "ext" / "loud.py").write_text(CODE)
    config = ServerConfig(
        port=0, data_dir=tmp_path, properties={"merganser.functions.python.enabled": "true"}
    )
    with start_in_background(config) as server, httpx.Client(base_url=server.url) as client:

        def send(text: str, path: str = "/ksql") -> httpx.Response:
            properties = {"ksql.streams.auto.offset.reset": "earliest"}
            return client.post(path, json={"ksql": text, "streamsProperties": properties})

        created = send(CREATE).raise_for_status().json()
        assert created[0]["commandStatus"]["message"] == "Created function TWICE"
        (described,) = send("DESCRIBE FUNCTION shout;").json()
        assert described["description"] == "The text in capitals."
        assert (described["author"], described["version"]) == ("Ann", "2")
        assert described["path"].endswith("loud.py")
        (listed,) = send("SHOW FUNCTIONS;").json()
        names = {function["name"]: function["type"] for function in listed["functions"]}
        assert names["TWICE"] == names["SHOUT"] == "SCALAR"
        rows = send("SELECT shout(t), twice(n) FROM s EMIT CHANGES LIMIT 1;", "/query")
        assert '["A",84]' in rows.text
        refused = send("SET 'merganser.functions.python.enabled'='false';" + CREATE)
        assert refused.status_code == 400
