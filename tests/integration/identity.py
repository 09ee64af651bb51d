"""Certificates and tokens for tests, and what a server says of its methods by reflection."""

import hashlib
import pathlib
import subprocess

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, directory, name="authority"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self.directory / f"{name}.crt"
        self.key = self.directory / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.certificate, "-subj", f"/CN={name}", "-days", "2")

    def issue(self, name, *names, days=2):
        """A certificate of these names ("DNS:localhost", "URI:recsae:role/reader") and its key."""
        certificate = self.directory / f"{name}.crt"
        key = self.directory / f"{name}.key"
        request = self.directory / f"{name}.csr"
        extensions = self.directory / f"{name}.ext"
        extensions.write_text("subjectAltName=" + ",".join(names) + "\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                "-CAcreateserial", "-out", certificate, "-days", str(days), "-extfile", extensions)
        return certificate, key


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def token_lines(*callers):
    """The --tokens file for (name, role, token)."""
    return "".join(f"{name} {role} {hashlib.sha256(token.encode()).hexdigest()}\n"
                   for name, role, token in callers)


def bearer(token):
    return (("authorization", f"Bearer {token}"),) if token else ()


def _reflection_messages():
    """The part of grpc.reflection.v1alpha that is used here."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection_subset.proto", package="subset")

    def message(name, *fields):
        made = file.message_type.add(name=name)
        for field_name, number, kind, repeated, type_name in fields:
            made.field.add(name=field_name, number=number, type=kind, type_name=type_name,
                           label=3 if repeated else 1)
    text, data, nested = 9, 12, 11
    message("Request", ("file_containing_symbol", 4, text, False, None),
            ("list_services", 7, text, False, None))
    message("Files", ("file_descriptor_proto", 1, data, True, None))
    message("Service", ("name", 1, text, False, None))
    message("Services", ("service", 1, nested, True, ".subset.Service"))
    message("Response", ("files", 4, nested, False, ".subset.Files"),
            ("services", 6, nested, False, ".subset.Services"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    make = getattr(message_factory, "GetMessageClass", None) or \
        message_factory.MessageFactory(pool).GetPrototype
    return (make(pool.FindMessageTypeByName("subset.Request")),
            make(pool.FindMessageTypeByName("subset.Response")))


def reflected_methods(channel, metadata=()):
    """(path, client streams, server streams) of every method that the server has."""
    request, response = _reflection_messages()
    ask = channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=lambda m: m.SerializeToString(), response_deserializer=response.FromString)
    (listed,) = ask(iter([request(list_services="")]), metadata=metadata, timeout=20)
    found = []
    for service in listed.services.service:
        if service.name.startswith("grpc.reflection."):
            found.append((f"/{service.name}/ServerReflectionInfo", True, True))
            continue
        (files,) = ask(iter([request(file_containing_symbol=service.name)]), metadata=metadata,
                       timeout=20)
        for content in files.files.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(content)
            for made in file.service:
                if f"{file.package}.{made.name}" == service.name:
                    found += [(f"/{service.name}/{method.name}", method.client_streaming,
                               method.server_streaming) for method in made.method]
    return found


def code_of_empty_call(channel, path, client_streams, metadata, seconds):
    """How a call with nothing in it ends; a stream that goes on after `seconds` is OK."""
    call = channel.stream_stream(path, request_serializer=lambda b: b,
                                 response_deserializer=lambda b: b)(
        iter([] if client_streams else [b""]), metadata=metadata, timeout=seconds)
    try:
        for _ in call:
            pass
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            return grpc.StatusCode.OK, ""
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""
