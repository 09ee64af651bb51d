#!/usr/bin/env bash
# Builds one of the example clients as a user of that language would: the language's ordinary
# generator over protos/, its ordinary packages, in pinned versions. Nothing is built again while the
# contract and the client are as they were.
#
#   tests/clients/build.sh python|node|go|java FOLDER
#   FOLDER/run ADDRESS SAE CAPTURE USER
#
# Ends with status 77 and says so where the language's tools are missing.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
protos=$(cd -- "$here/../../protos" && pwd)
language=$1
mkdir --parents "$2"
out=$(cd -- "$2" && pwd)

missing() {
  echo "$language: $1" >&2
  exit 77
}

# at_least NAME WANTED FOUND: versions, by their first two numbers.
at_least() {
  [[ $(printf '%s\n' "$2" "$3" | sort --version-sort | head --lines=1) == "$2" ]] ||
    missing "$1 is $3, $2 is needed"
}

# Which protoc makes C++ here also runs the generators of Go and Node.
recsae_protos() { (cd -- "$protos" && find recsae -name '*.proto' | sort); }

build_python() {
  python3 -m pip install --quiet --root-user-action ignore --target "$out/site" --requirement "$here/python/requirements.txt"
  mapfile -t files < <(cd -- "$protos" && find recsae google -name '*.proto')
  mkdir --parents "$out/gen"
  PYTHONPATH=$out/site python3 -m grpc_tools.protoc --proto_path="$protos" \
    --python_out="$out/gen" --grpc_python_out="$out/gen" "${files[@]}"
  cp -- "$here/python/client.py" "$out/"
  launcher "PYTHONPATH=\$here/gen:\$here/site exec python3 \"\$here/client.py\""
}

build_node() {
  cp -- "$here"/node/{client.js,package.json,package-lock.json} "$out/"
  (cd -- "$out" && npm ci --silent --no-audit --no-fund)
  mapfile -t files < <(cd -- "$protos" && find recsae google -name '*.proto')
  mkdir --parents "$out/gen"
  protoc --proto_path="$protos" --plugin="$out/node_modules/.bin/protoc-gen-es" \
    --es_out="$out/gen" --es_opt=target=js,import_extension=js "${files[@]}"
  launcher "exec node \"\$here/client.js\""
}

build_go() {
  GOBIN=$out/bin go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
  GOBIN=$out/bin go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
  cp -- "$here"/go/{client.go,go.mod,go.sum} "$out/"
  mapfile -t files < <(recsae_protos)
  # The module is called recsae, so "recsae/jobs/v1" is its folder jobs/v1.
  PATH=$out/bin:$PATH protoc --proto_path="$protos" --go_out="$out" --go_opt=module=recsae \
    --go-grpc_out="$out" --go-grpc_opt=module=recsae "${files[@]}"
  (cd -- "$out" && go build -o client .)
  launcher "exec \"\$here/client\""
}

build_java() {
  mvn --batch-mode --quiet --file "$here/java/pom.xml" -Dout="$out/target" -Dprotos="$protos" compile
  launcher "exec java -cp \"\$here/target/classes:\$here/target/lib/*\" example.Client"
}

launcher() {
  printf '#!/usr/bin/env bash\nhere=$(dirname -- "$0")\n%s "$@"\n' "$1" >"$out/run"
  chmod +x "$out/run"
}

case $language in
  python)
    python3 -m pip --version >/dev/null 2>&1 || missing "python3 with pip is missing"
    ;;
  node)
    command -v npm >/dev/null || missing "npm is missing"
    at_least node 20.0 "$(node --version | tr --delete v)"
    ;;
  go)
    command -v go >/dev/null || missing "go is missing"
    at_least go 1.26 "$(go env GOVERSION | tr --delete go)"
    ;;
  java)
    command -v mvn >/dev/null || missing "mvn is missing"
    at_least java 17 "$(java -XshowSettings:properties -version 2>&1 |
      sed --quiet 's/^ *java.specification.version = //p')"
    ;;
  *)
    echo "usage: build.sh python|node|go|java FOLDER" >&2
    exit 2
    ;;
esac

state=$(cd -- "$here/../.." && find protos "tests/clients/$language" tests/clients/build.sh -type f \
  -print0 | sort --zero-terminated | xargs --null sha256sum | sha256sum)
if [[ -x $out/run && $(cat -- "$out/state" 2>/dev/null) == "$state" ]]; then
  exit 0
fi
find "$out" -mindepth 1 -delete
"build_$language"
echo "$state" >"$out/state"
