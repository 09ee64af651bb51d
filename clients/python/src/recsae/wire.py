"""Arrays on the wire, and channels."""

import os
from typing import Any, Optional, Sequence, Tuple

import grpc
import numpy as np

from recsae.tensor.v1 import tensor_pb2

MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # what the servers take

# The server allows keepalives of 10 s and more; reconnecting is quick since a restart takes a second or two.
CHANNEL_OPTIONS: Sequence[Tuple[str, Any]] = (
    ("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000), ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES + 64 * 1024),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES + 64 * 1024))


def to_tensor(values: Any) -> Any:
    """An array as a FLOAT32 Tensor of its shape."""
    array = np.ascontiguousarray(values, dtype="<f4")
    return tensor_pb2.Tensor(data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=array.shape, data=array.tobytes())


def to_array(tensor: Any) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """A FLOAT32 Tensor as a read-only array; ValueError for other types."""
    if tensor.data_type != tensor_pb2.DATA_TYPE_FLOAT32:
        raise ValueError(f"tensor of data type {tensor.data_type}: FLOAT32 ({tensor_pb2.DATA_TYPE_FLOAT32}) is needed")
    return np.frombuffer(tensor.data, dtype="<f4").reshape(list(tensor.shape))


def probe_address(given: Optional[str]) -> str:
    """The address of the probe: as given, else $RECSAE_PROBE, else the probe's own default."""
    return given or os.environ.get("RECSAE_PROBE") or "127.0.0.1:7401"


def check_secrets(credentials: Optional[grpc.ChannelCredentials], token: Optional[str]) -> None:
    """ValueError for a token without credentials."""
    if token is not None and credentials is None:
        raise ValueError("token= needs credentials=: a token can be read on a connection without TLS")


def open_channel(address: str, credentials: Optional[grpc.ChannelCredentials] = None,
                 token: Optional[str] = None) -> grpc.Channel:
    """A channel to host:port: plaintext, or TLS with `credentials`; `token` goes along as a bearer token, which
    needs credentials, for it is readable on a plain connection."""
    check_secrets(credentials, token)
    if token is not None and credentials is not None:
        credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
    if credentials is None:
        return grpc.insecure_channel(address, options=list(CHANNEL_OPTIONS))
    return grpc.secure_channel(address, credentials, options=list(CHANNEL_OPTIONS))
