"""Connections an agent saw, over the real door: taken in once, refused without loss of the rest."""

from __future__ import annotations

import json
from pathlib import Path

from sqlmodel import select

from collectors import records
from collectors.host.edges import IN, Edges, Key, Look
from collectors.host.sockets import SocketOwners
from collectors.records import BatchId, Document
from controller.ingest.tables import SetAside
from controller.moves.edge_set import address_text, unpack
from controller.moves.tables import MoveEdges
from tests.ingest_server import OPS_TOKEN, now_ms, running_server

CLIENT: Key = (IN, bytes((10, 9, 0, 7)), 443)


def test_what_an_agent_tells_is_counted_once_however_often_it_is_sent(tmp_path: Path) -> None:
    edges = Edges(300, SocketOwners(str(tmp_path)))
    found = Look()
    found.edges[CLIENT] = 4
    edges.take(found, now_ms())
    told = edges.tell(now_ms(), 0.0)
    assert told is not None
    with running_server(tmp_path, agents=1) as (controller, (agent,)):
        bad = Document("edges", now_ms(), {"edges": [["out", "tcp", "nowhere", 1, "", 1, 1]]})
        wire = records.encode_documents(BatchId(agent.id, "e1", 1), [bad, told])
        for _ in range(3):
            assert controller.send(agent, wire).status == 200
        with controller.database.read() as session:
            kept = session.exec(select(MoveEdges)).one()
            aside = [row.subject for row in session.exec(select(SetAside))]
        known = unpack(kept.packed)
        assert kept.resource_id == agent.resource
        assert [address_text(edge["peer"]) for edge in known.edges] == ["10.9.0.7"]
        assert known.looks.sum() == 1
        # The other document of the batch is set aside with its reason.
        assert [subject for subject in aside if "nowhere" in subject] == aside != []
        answer = controller.request(
            "GET", "/api/v1/moves/links", b"", authorization=f"Bearer {OPS_TOKEN}"
        )
        assert answer.status == 200, json.dumps(answer.body)
        assert answer.body["items"][0]["client"]["address"] == "10.9.0.7"
        assert answer.body["items"][0]["server"]["code"] == agent.code
