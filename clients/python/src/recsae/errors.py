"""Errors of the suite as Python has them: code, reason and metadata of google.rpc.ErrorInfo."""

import re
from typing import Any, Dict, Optional

import grpc
from google.rpc import error_details_pb2, status_pb2


class Error(Exception):
    """A call failed.

    code: grpc.StatusCode. reason: ErrorInfo.reason of the suite ("SAE_NOT_FOUND"), or "" where the error is the
    transport's. message: for people. metadata: ErrorInfo.metadata.
    """

    def __init__(self, code: grpc.StatusCode, reason: str, message: str,
                 metadata: Optional[Dict[str, str]] = None) -> None:
        super().__init__(f"{message} ({code.name}{', ' + reason if reason else ''})")
        self.code = code
        self.reason = reason
        self.message = message
        self.metadata = metadata or {}


class HostRefused(Error):
    """The probe does not take the model: `reason` says why (see docs/hosts.md), `message` what was seen."""


def error_info(status: Any) -> Any:
    """The ErrorInfo of a google.rpc.Status; None where it has none."""
    for detail in status.details:
        if detail.type_url.endswith("/google.rpc.ErrorInfo"):
            return error_details_pb2.ErrorInfo.FromString(detail.value)
    return None


def from_rpc(error: grpc.RpcError, kind: "type[Error]" = Error) -> Error:
    """An error of grpcio as one of ours."""
    reason, metadata = "", {}
    trailing: Any = getattr(error, "trailing_metadata", lambda: None)()
    for key, value in trailing or ():
        if key == "grpc-status-details-bin":
            info = error_info(status_pb2.Status.FromString(value))
            if info is not None:
                reason, metadata = info.reason, dict(info.metadata)
    code: Any = getattr(error, "code", lambda: grpc.StatusCode.UNKNOWN)()
    details: Any = getattr(error, "details", lambda: str(error))()
    if not reason:  # a refusal before the call was taken has no details: its reason begins the message
        leading = re.match(r"([A-Z]+_[A-Z_]+): ", details or "")
        if leading is not None:
            reason, details = leading[1], details[leading.end():]
    return kind(code, reason, details or code.name, metadata)
