#!/usr/bin/env python3
"""Holds the sources to the plan of rooms (scripts/rooms.txt, CONTRIBUTING.md): says each breach.

usage: scripts/check-rooms.py [ROOT]
1. No circle between files or between folders.
2. A folder's root holds only what its sub-folders do not include.
3. A room includes only the rooms and outside libraries that rooms.txt gives it or a folder above it.
4. Generated stubs (.grpc.pb.h) and libtorch stay out of headers, but for rooms whose subject they are.
5. Every error has a reason: absl's own constructors are for common/rpc, which reads statuses off the wire.
"""
import os
import re
import subprocess
import sys

LIBRARIES = {  # the headers by which an outside library is known
    'SIMD': r'hwy/|[a-z]*mmintrin\.h|arm_neon\.h', 'DNNL': r'dnnl|oneapi/', 'EIGEN': r'Eigen/',
    'PROTOBUF': r'google/(protobuf|rpc)/|recsae/.*(?<!grpc)\.pb\.h|grpc/health/.*(?<!grpc)\.pb\.h',
    'GRPC': r'grpcpp/|grpc/|.*\.grpc\.pb\.h', 'ROCKSDB': r'rocksdb/', 'PROMETHEUS': r'prometheus/',
    'HTTPLIB': r'httplib\.h', 'ZLIB': r'zlib\.h', 'CLI11': r'CLI/',
    'CURL': r'curl/|archive', 'OPENSSL': r'openssl/', 'TORCH': r'torch/|ATen/|c10/'}
STUBS_IN_HEADERS = r'(common/process/health|.*/(stubs|peers|\w+_service))\.h'
PLAIN_ERROR = re.compile(r'absl::\w+Error\(|absl::Status\(absl::StatusCode')
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)


def library(header):
    return next((name for name, pattern in LIBRARIES.items() if re.match(pattern, header)), None)


def read_sources(root):
    listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', 'common', 'services', 'clients'],
                            cwd=root, check=True, capture_output=True, text=True).stdout.split('\n')
    names = [f for f in listed if f.endswith(('.h', '.cc')) and os.path.exists(f'{root}/{f}')]
    return {f: open(f'{root}/{f}', encoding='utf-8').read() for f in names}


def read_rooms(root):
    lines = [l.split('#')[0] for l in open(f'{root}/scripts/rooms.txt', encoding='utf-8')]
    return {room.strip(): allowed.split() for room, allowed in
            (line.split(':', 1) for line in lines if line.strip())}


def above(path):  # the path itself and every folder above it
    parts = path.split('/')
    return ['/'.join(parts[:n]) for n in range(len(parts), 0, -1)]


def circles(graph):
    state, found = {}, []

    def visit(node, trail):
        state[node] = 1
        for other in sorted(graph.get(node, ())):
            if state.get(other) == 1:
                found.append(' -> '.join([*trail[trail.index(other):], other]))
            elif other not in state:
                visit(other, [*trail, other])
        state[node] = 2

    for node in sorted(graph):
        if node not in state:
            visit(node, [node])
    return found


def breaches(root):
    sources, rooms = read_sources(root), read_rooms(root)
    files, folders = {}, {}
    for name, text in sources.items():
        for error in PLAIN_ERROR.findall(text) if not name.startswith('common/rpc/') else ():
            yield f'{name}: {error}...) has no reason; use Error of common/base/status.h (rule 5)'
        own = [place for place in above(name) if place in rooms]
        allowed = {room for place in own for room in [*rooms[place], place]}
        if not own:
            yield f'{name}: no room in scripts/rooms.txt holds it'
        for header in INCLUDE.findall(text):
            known = library(header)
            if known and known not in allowed:
                yield f'{name}: includes {header}, but {known} is not for this room (rule 3)'
            if name.endswith('.h') and (known == 'TORCH' and '/torch/' not in name or
                                        header.endswith('.grpc.pb.h') and not re.match(STUBS_IN_HEADERS, name)):
                yield f'{name}: a header that includes {header} (rule 4)'
            if header not in sources:
                continue
            here, there = os.path.dirname(name), os.path.dirname(header)
            files.setdefault(name, set()).add(header)
            if here == there:
                continue
            if here.startswith(there + '/'):
                yield f'{name}: includes {header} from the root above it (rule 2)'
            folders.setdefault(here, set()).add(there)
            if not any(place in allowed for place in above(header)):
                yield f'{name}: includes {header}, which its room may not (rule 3)'
    for kind, graph in (('files', files), ('folders', folders)):
        yield from (f'circle of {kind}: {circle} (rule 1)' for circle in circles(graph))


if __name__ == '__main__':
    found = list(breaches(sys.argv[1] if len(sys.argv) > 1 else '.'))
    print('\n'.join(found) if found else 'Every line is in its room.')
    sys.exit(1 if found else 0)
