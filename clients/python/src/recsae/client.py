"""recsae.Client: what people ask of a running suite, in a line each."""

import os
from typing import Any, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

import grpc
import numpy as np

from recsae import v1
from recsae.errors import Error, error_info, from_rpc
from recsae.wire import open_channel, to_array, to_tensor

SERVICES = ("probe", "trainer", "concept_store", "explainer")
QUERIES = 1000  # that the probe takes in one call

Query = Tuple[Optional[str], Sequence[str]]  # (user id or None, ids of the history, oldest first)


class Client:
    """Calls of a suite. Errors are recsae.Error, with code, reason and metadata. Thread-safe.

    address: of recsae-standalone; by default $RECSAE_SERVER, else 127.0.0.1:7400. probe=, trainer=, concept_store=, explainer=: of servers of their own.
    credentials, token: of the channels, TLS and a bearer token. seconds: after which a call fails.
    Stubs for everything else: client.stub("explainer"), with messages in recsae.v1.
    """

    def __init__(self, address: Optional[str] = None, *, credentials: Optional[grpc.ChannelCredentials] = None,
                 token: Optional[str] = None, seconds: float = 60, **addresses: str) -> None:
        address = address or os.environ.get("RECSAE_SERVER") or "127.0.0.1:7400"
        unknown = set(addresses) - set(SERVICES)
        if unknown:
            raise TypeError(f"Client takes addresses of {', '.join(SERVICES)}, not of {', '.join(sorted(unknown))}")
        self._seconds = seconds
        opened = {place: open_channel(place, credentials, token)
                  for place in {addresses.get(service, address) for service in SERVICES}}
        self._channels = {service: opened[addresses.get(service, address)] for service in SERVICES}

    def close(self) -> None:
        """Closes the channels."""
        for channel in self._channels.values():
            channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def stub(self, service: str) -> Any:
        """The generated stub of "probe", "trainer", "concept_store" or "explainer"."""
        name = "".join(word.capitalize() for word in service.split("_"))
        return getattr(getattr(v1, service), f"{name}Stub")(self._channels[service])

    # ---- what there is

    def recommenders(self) -> List[Any]:
        """All recommenders, recsae.v1.probe.Recommender, by name."""
        return self._pages("probe", "ListRecommenders", v1.probe.ListRecommendersRequest(), "recommenders")

    def captures(self, recommender: str = "recommenders/-") -> List[Any]:
        """Captures of a recommender, or of all, recsae.v1.probe.Capture, by name."""
        return self._pages("probe", "ListCaptures", v1.probe.ListCapturesRequest(parent=recommender), "captures")

    def concepts(self, sae: str) -> List[Any]:
        """All concepts of an SAE, recsae.v1.concept_store.Concept."""
        return self._pages("concept_store", "ListConcepts", v1.concept_store.ListConceptsRequest(parent=sae), "concepts")

    # ---- a hosted recommender

    def activations(self, recommender: str, queries: Iterable[Query], site: str = "") -> "np.ndarray[Any, Any]":
        """float32 [queries, dim of the site]; queries are (user id or None, history)."""
        found = list(queries)
        parts = [to_array(self._call("probe", "ComputeActivations", v1.probe.ComputeActivationsRequest(
            recommender=recommender, site=site, queries=_queries(found[first:first + QUERIES]))).activations)
            for first in range(0, len(found), QUERIES)]
        return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)

    def resume(self, recommender: str, queries: Iterable[Query], site: str, activations: Any) -> "np.ndarray[Any, Any]":
        """float32 [queries, d]: the vectors just before scoring with `activations` [queries, dim] at a site. At most
        1,000 queries."""
        return to_array(self._call("probe", "ResumeFromSite", v1.probe.ResumeFromSiteRequest(
            recommender=recommender, site=site, queries=_queries(queries), activations=to_tensor(activations))).activations)

    def item_vectors(self, recommender: str) -> "Tuple[List[str], np.ndarray[Any, Any], np.ndarray[Any, Any]]":
        """(item ids, vectors [items, d], biases [items]) of a recommender."""
        ids: List[str] = []
        vectors, biases = [], []
        try:
            for part in self.stub("probe").ReadPredictionHead(v1.probe.ReadPredictionHeadRequest(recommender=recommender),
                                                              timeout=self._seconds):
                ids += part.item_ids
                vectors.append(to_array(part.vectors))
                biases.append(to_array(part.biases) if part.HasField("biases") else np.zeros(len(vectors[-1]), np.float32))
        except grpc.RpcError as error:
            raise from_rpc(error) from None
        return ids, np.concatenate(vectors), np.concatenate(biases)

    # ---- jobs, each waited for

    def capture(self, recommender: str, capture_id: str, split: str, *, site: str = "", cases: bool = False,
                positions: str = "last", max_rows: int = 0) -> Any:
        """Captures activations of a split ("train", "dev", "test"), at the last or all positions; the Capture."""
        probe = v1.probe
        return self._job("probe", "CaptureActivations", probe.CaptureActivationsRequest(
            parent=recommender, capture_id=capture_id, split=probe.Split.Value(f"SPLIT_{split.upper()}"), site=site,
            with_cases=cases, positions=probe.Positions.Value(f"POSITIONS_{positions.upper()}"), max_rows=max_rows),
            probe.Capture)

    def train_sae(self, sae_id: str, capture: str, **config: Any) -> Any:
        """Trains an SAE; `config` are fields of recsae.v1.trainer.TrainingConfig. The TrainSaeResult."""
        return self._job("trainer", "TrainSae", v1.trainer.TrainSaeRequest(
            sae_id=sae_id, capture=capture, config=v1.trainer.TrainingConfig(**config)), v1.trainer.TrainSaeResult)

    def build_concepts(self, sae: str, capture: str, evidence_captures: Sequence[str] = ()) -> Any:
        """Describes and tests the latents of an SAE; the ConceptReport."""
        return self._job("explainer", "BuildConcepts", v1.explainer.BuildConceptsRequest(
            sae=sae, capture=capture, evidence_captures=evidence_captures), v1.explainer.ConceptReport)

    # ---- explain and steer

    def explain(self, sae: str, *, activations: Any = None, history: Optional[Query] = None,
                captured_user: Optional[Tuple[str, str]] = None, top: int = 10, items: Sequence[str] = (),
                exclude: Sequence[str] = ()) -> List[Any]:
        """Explanations, one for each activation. Exactly one subject: activations [n, d]; a history, (user id or None,
        item ids); or a captured user, (capture, user id)."""
        return list(self._call("explainer", "Explain", v1.explainer.ExplainRequest(
            sae=sae, subject=_subject(activations, history, captured_user), top_item_count=top, item_ids=items,
            exclude_item_ids=exclude)).explanations)

    def steer(self, sae: str, edits: Iterable[Union[Mapping[str, Any], Any]], *, activations: Any = None,
              history: Optional[Query] = None, captured_user: Optional[Tuple[str, str]] = None, top: int = 10,
              exclude: Sequence[str] = ()) -> Any:
        """The SteerResponse: changed activation, and what is recommended before and after. Edits are
        recsae.v1.explainer.Edit or its fields: {"text": "horror", "scale": 0}, {"latent": 7, "add": 4}."""
        made = [v1.explainer.Edit(**edit) if isinstance(edit, Mapping) else edit for edit in edits]
        return self._call("explainer", "Steer", v1.explainer.SteerRequest(
            sae=sae, subject=_subject(activations, history, captured_user), edits=made, top_item_count=top,
            exclude_item_ids=exclude))

    # ---- how

    def _call(self, service: str, method: str, request: Any) -> Any:
        try:
            return getattr(self.stub(service), method)(request, timeout=self._seconds)
        except grpc.RpcError as error:
            raise from_rpc(error) from None

    def _pages(self, service: str, method: str, request: Any, field: str) -> List[Any]:
        found: List[Any] = []
        request.page_size = 1000
        while True:
            page = self._call(service, method, request)
            found += getattr(page, field)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def _job(self, service: str, method: str, request: Any, result_type: Any) -> Any:
        """Starts a job and waits for its end, however long that takes; its result. Error when it fails."""
        job = self._call(service, method, request)
        states = v1.jobs.Job
        try:
            for job in v1.jobs.JobsStub(self._channels[service]).WatchJob(v1.jobs.WatchJobRequest(name=job.name)):
                pass
        except grpc.RpcError as error:
            raise from_rpc(error) from None
        if job.state != states.STATE_SUCCEEDED:
            code = next((code for code in grpc.StatusCode if code.value[0] == job.error.code), grpc.StatusCode.UNKNOWN)
            if job.state == states.STATE_CANCELLED:
                code = grpc.StatusCode.CANCELLED
            info = error_info(job.error)
            raise Error(code, info.reason if info else "", f"{job.name} ({job.kind}): {job.error.message or 'cancelled'}",
                        dict(info.metadata) if info else {})
        result = result_type()
        if not job.result.Unpack(result):
            raise Error(grpc.StatusCode.INTERNAL, "", f"{job.name} has a result of type {job.result.type_url}")
        return result


def _queries(queries: Iterable[Query]) -> List[Any]:
    return [v1.probe.ComputeActivationsRequest.Query(user_id=user or "", history_item_ids=history)
            for user, history in queries]


def _subject(activations: Any, history: Optional[Query], captured_user: Optional[Tuple[str, str]]) -> Any:
    given = [subject is not None for subject in (activations, history, captured_user)]
    if sum(given) != 1:
        raise TypeError("exactly one of activations=, history= and captured_user= is needed")
    subject = v1.explainer.Subject
    if history is not None:
        return subject(history=subject.History(user_id=history[0] or "", item_ids=history[1]))
    if captured_user is not None:
        return subject(captured_user=subject.CapturedUser(capture=captured_user[0], user_id=captured_user[1]))
    return subject(activations=to_tensor(activations))
