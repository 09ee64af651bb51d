"""Plays the probe's part in recsae.hosts.v1 on a real gRPC server: takes a host, and calls it."""

import concurrent.futures
import itertools
import queue
import threading

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from recsae.hosts.v1 import hosts_pb2 as hb
from recsae.hosts.v1 import hosts_pb2_grpc
from recsae.probe.v1 import probe_pb2 as pb
from recsae.probe.v1 import probe_pb2_grpc


def abort(context, code, reason, message):
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="recsae", metadata={"site": "x"}))
    status = status_pb2.Status(code=code.value[0], message=message, details=[info])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)


class Link:
    """One host's stream, as the probe sees it."""

    def __init__(self, description):
        self.description = description
        self.items, self.vectors, self.users, self.withheld = [], [], [], []
        self.outbox = queue.SimpleQueue()
        self.answers = {}
        self.ids = itertools.count(1)

    def call(self, **method):
        """Sends a call; its id and a future of its Answer."""
        number, future = next(self.ids), concurrent.futures.Future()
        self.answers[number] = future
        self.outbox.put(hb.HostRecommenderResponse(call=hb.Call(id=number, **method)))
        return number, future

    def ask(self, **method):
        return self.call(**method)[1].result(timeout=30)


class ProbeDouble(hosts_pb2_grpc.ModelHostsServicer):
    def __init__(self, address="127.0.0.1:0"):
        self.known = {}  # fingerprint by recommender id
        self.refusal = None  # (code, reason, message) in place of `accepted`
        self.links = queue.SimpleQueue()  # accepted ones
        self.open = []
        self.start(address)

    def start(self, address):
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
        hosts_pb2_grpc.add_ModelHostsServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port(address)}"
        self.server.start()

    def stop(self):
        self.server.stop(grace=None).wait()
        for link in self.open:
            link.outbox.put(None)
        self.open = []

    def HostRecommender(self, requests, context):
        link = Link(next(requests).description)
        self.open.append(link)
        yield hb.HostRecommenderResponse(welcome=hb.Welcome(
            send_items=link.description.recommender_id not in self.known))
        if link.description.recommender_id not in self.known:
            self.receive_model(link, requests)
        if self.refusal:
            abort(context, *self.refusal)
        if self.known.setdefault(link.description.recommender_id,
                                 link.description.fingerprint) != link.description.fingerprint:
            abort(context, grpc.StatusCode.FAILED_PRECONDITION, "HOST_DIFFERS", "another fingerprint")
        threading.Thread(target=self.receive_answers, args=(link, requests), daemon=True).start()
        yield hb.HostRecommenderResponse(accepted=hb.Accepted(remarks=["slow"], recommender=pb.Recommender(
            name="recommenders/" + link.description.recommender_id, kind=pb.Recommender.KIND_HOSTED)))
        self.links.put(link)
        context.add_callback(lambda: link.outbox.put(None))
        yield from iter(link.outbox.get, None)

    def receive_model(self, link, requests):
        while len(link.items) < link.description.item_count or len(link.users) < link.description.user_count:
            request = next(requests)
            assert request.ByteSize() < 1.2 * 2 ** 20, request.ByteSize()
            link.withheld += [len(link.items) + place for place in request.items.withheld]
            link.items += request.items.items
            if request.HasField("items"):
                link.vectors.append(request.items.vectors)
            link.users += request.users.user_ids

    def receive_answers(self, link, requests):
        try:
            for request in requests:
                link.answers.pop(request.answer.id).set_result(request.answer)
        except Exception:  # the stream broke, as the tests want
            pass


class RecordingDouble(probe_pb2_grpc.ProbeServicer):
    """The probe's part in RecordActivations; `refusal` (code, reason, message) fails the next stream."""

    def __init__(self):
        self.batches, self.refusal = [], None
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        probe_pb2_grpc.add_ProbeServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def RecordActivations(self, requests, context):
        header, *batches = list(requests)
        if self.refusal:
            refusal, self.refusal = self.refusal, None
            abort(context, *refusal)
        self.batches += [(header.header.producer, request.batch) for request in batches]
        return pb.RecordActivationsResponse(stored_row_count=sum(r.batch.activations.shape[0] for r in batches))
