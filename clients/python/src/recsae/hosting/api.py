"""recsae.host: from a recommender of any library to a Host."""

from typing import Any, Optional

import grpc

from recsae.hosting.catalog import read_catalog
from recsae.hosting.description import check_model, fingerprint, recommender_id
from recsae.hosting.host import Host
from recsae.hosting.model import Model, log_remarks
from recsae.wire import probe_address



def host(model: Any, *data: Any, name: Optional[str] = None, address: Optional[str] = None, catalog: Any = None,
         fingerprint_of: Optional[str] = None, channel: Optional[grpc.Channel] = None,
         credentials: Optional[grpc.ChannelCredentials] = None, token: Optional[str] = None, max_queries: int = 256,
         concurrent_calls: int = 2, accept_seconds: float = 60, **adapter_options: Any) -> Host:
    """A Host of `model` on the probe at `address` (by default $RECSAE_PROBE, else 127.0.0.1:7401); nothing is sent before
    `serve()` or `with`.

    model: a recsae.Model, or a recommender of a library that recsae.adapters knows, with the `data` and
    `adapter_options` (sites=, …) that its adapter takes.
    name: of the recommender, [a-z0-9][a-z0-9._-]{0,62}; by default made from the model's class.
    catalog: titles and attributes of items; see recsae.hosting.catalog.read_catalog. By default what the library knows.
    fingerprint_of: stands for the sha256 over the model, where that takes too long: any text that changes with it.
    channel: in place of `address`; credentials, token: of the channel that is opened, TLS and a bearer token.
    max_queries: in one call, 1 to 4,096. concurrent_calls: that are computed at a time, 1 to 64.
    accept_seconds: how long `with` waits for the probe.
    ValueError names what of the model or the arguments cannot be hosted.
    """
    hosted = _model(model, data, adapter_options)
    log_remarks(hosted)
    check_model(hosted)
    chosen = name if name is not None else recommender_id(hosted.default_name or type(hosted).__name__)
    if recommender_id(chosen) != chosen:
        raise ValueError(f"name {chosen!r}: [a-z0-9][a-z0-9._-]{{0,62}} is needed, for example {recommender_id(chosen)!r}")
    for what, value, most in (("max_queries", max_queries, 4096), ("concurrent_calls", concurrent_calls, 64)):
        if not 1 <= value <= most:
            raise ValueError(f"{what} {value}: 1 to {most:,} is needed")
    items = read_catalog(hosted.catalog if catalog is None else catalog, hosted.item_ids)
    return Host(hosted, name=chosen, fingerprint=fingerprint_of or fingerprint(hosted), catalog=items,
                address=probe_address(address), channel=channel, credentials=credentials, token=token, max_queries=max_queries,
                concurrent_calls=concurrent_calls, accept_seconds=accept_seconds)


def _model(model: Any, data: Any, options: Any) -> Model:
    if isinstance(model, Model):
        if data or options:
            raise TypeError(f"{type(model).__name__} is a recsae.Model already: it takes no "
                            f"{'data' if data else ', '.join(options)} here")
        return model
    from recsae import adapters

    return adapters.adapt(model, *data, **options)
