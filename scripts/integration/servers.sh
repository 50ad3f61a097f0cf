#!/usr/bin/env bash
# Drives two servers that others wrote through a toolbox and the command line, with their own authentication: httpbin and Jupyter Server,
# which come from PyPI into an environment that is thrown away. `scripts/integration/servers.sh bin`, after `make build`.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:?the directory with the programs}" && pwd)
export PATH="$bin:$PATH"

# shellcheck source=scripts/processes.sh
source "$here/../processes.sh"

fail() {
    echo "servers: $*" >&2
    tail -n 20 "$scratch"/*.log >&2 || true
    exit 1
}

python_with httpbin==0.10.4 jupyter_server==2.21.1
enter_scratch
umask 077
cp "$here"/servers/*.yaml .

start httpbin python/bin/python -m flask --app httpbin run --port 0
httpbin=$url
mkdir notebooks
start jupyter python/bin/jupyter-server --no-browser --ip 127.0.0.1 --port 0 --allow-root \
    --IdentityProvider.token=s3cret-jupyter --ServerApp.root_dir=notebooks
jupyter=$url

cat > .cli.json <<JSON
{
  "cli": "1.0.0",
  "mode": { "default": "discover" },
  "sources": {
    "bin": { "type": "openapi", "uri": "httpbin.yaml" },
    "jupyter": { "type": "openapi", "uri": "jupyter.yaml" }
  },
  "services": {
    "bin": { "source": "bin", "server": "$httpbin" },
    "jupyter": { "source": "jupyter", "server": "$jupyter" }
  },
  "policy": { "approvalRequired": ["jupyter:delete*"] },
  "secrets": {
    "bin.token": { "type": "env", "value": "BIN_TOKEN" },
    "bin.person": { "type": "file", "value": "person" },
    "bin.sid": { "type": "literal", "value": "s3cret-sid" },
    "jupyter.token": { "type": "env", "value": "JUPYTER_TOKEN" }
  }
}
JSON
echo 'ada:s3cret pass+word' > person
export BIN_TOKEN=s3cret-bin JUPYTER_TOKEN='token s3cret-jupyter'
start toolbox open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id servers
unset BIN_TOKEN JUPYTER_TOKEN
export OPEN_CLI_RUNTIME_URL=$url

checks=0

# gives EXIT EXPRESSION COMMAND..: runs a command, and checks its exit code and, with a Python expression over `out` (its output) and
# `doc` (the same as JSON, if it is some), what it printed.
gives() {
    local expected=$1 expression=$2 code=0
    shift 2
    "$@" >out 2>err || code=$?
    ((code == expected)) || fail "exit code $code instead of $expected: $*: $(head -c 2000 out err)"
    python/bin/python - "$expression" <<'PY' || fail "not $expression: $*"
import json, sys
out = open("out", "rb").read()
err = open("err", "rb").read()
try:
    doc = json.loads(out)
except ValueError:
    doc = None
if not eval(sys.argv[1]):
    sys.exit(f"it printed {out[:2000]!r} and {err[:2000]!r}")
PY
    checks=$((checks + 1))
}

# Names, values and bodies arrive as they were given.
gives 0 'doc["method"] == "GET"' open-cli bin anything get-anything 'a/b?c'
grep -Fq '"GET /anything/a%2Fb%3Fc HTTP/1.1" 200' httpbin.log || fail "a path argument left its segment"
gives 0 'doc["args"] == {"q": "x&y=z +%", "tags": ["one", "two,2"], "pipes": "1|2", "filter[a]": "1", "filter[b c]": "d"}' \
    open-cli bin anything get-anything n --q 'x&y=z +%' --tags one --tags 'two,2' --pipes 1 --pipes 2 --filter '{"a":1,"b c":"d"}'
gives 0 'doc["headers"]["X-Mine"] == "v 1; w"' open-cli bin anything get-anything n --x-mine 'v 1; w'
gives 0 'doc["json"] == {"title": "gr\u00fcn", "count": 3} and doc["data"] == "{\"title\":\"gr\u00fcn\",  \"count\":3}"' \
    open-cli bin anything post-anything n --body '{"title":"grün",  "count":3}'
gives 0 'doc["form"] == {"a": "1 & 2", "b": ["x", "y"]}' open-cli bin anything post-anything n \
    --content-type application/x-www-form-urlencoded --body '{"a":"1 & 2","b":["x","y"]}'
gives 0 'doc["headers"]["Content-Type"] == "application/xml" and doc["data"] == "<a b=\"1\"/>"' \
    open-cli bin anything post-anything n --content-type application/xml --body '<a b="1"/>'
printf '\0\377\r\n\200' > bytes
gives 0 'doc["data"] == "data:application/octet-stream;base64,AP8NCoA="' \
    open-cli bin anything post-anything n --content-type application/octet-stream --body @bytes
printf 'a file\n' > notes.txt
gives 0 'doc["form"] == {"note": "x & y"} and doc["files"] == {"upload": "a file\n"}' \
    open-cli bin anything post-anything n --content-type multipart/form-data --body '{"note":"x & y"}' --file notes.txt
gives 0 'doc["files"] == {"upload": "a file\n"}' \
    open-cli bin anything post-anything n --content-type multipart/form-data --file 'upload=notes.txt;type=text/plain;filename=b.txt'
gives 0 'doc["headers"]["Accept"] == "text/csv"' open-cli bin anything get-anything n --accept text/csv
gives 0 'doc["method"] == "DELETE"' open-cli bin anything delete-anything n

# Each scheme gets its credential, and nobody else's.
gives 0 'doc == {"authenticated": True, "token": "s3cret-bin"}' open-cli bin access get-bearer
gives 0 'doc["authenticated"] and doc["user"] == "ada"' open-cli bin access get-basic ada 's3cret pass+word'
gives 8 'b"401" in err' open-cli bin access get-basic ada wrong
gives 0 'doc == {"cookies": {"sid": "s3cret-sid"}}' open-cli bin access get-cookies
gives 0 '"Authorization" not in doc["headers"] and "Cookie" not in doc["headers"]' open-cli bin anything get-anything n

# Answers of every kind.
gives 0 'out[:8] == b"\x89PNG\r\n\x1a\n"' open-cli bin answers get-image
gives 0 'out == b"" and open("picture", "rb").read()[:8] == b"\x89PNG\r\n\x1a\n"' open-cli bin answers get-image --output picture
gives 0 'b"200" in out and b"image/png" in out' open-cli bin answers get-image --include --format json
gives 0 '[json.loads(line)["id"] for line in out.splitlines()] == [0, 1, 2]' open-cli bin answers get-stream 3 --stream
gives 0 'doc["gzipped"] is True' open-cli bin answers get-gzip
gives 0 'doc["deflated"] is True' open-cli bin answers get-deflate
gives 0 '"∮ E⋅da = Q" in out.decode()' open-cli bin answers get-text
gives 0 'doc["url"].endswith("/get")' open-cli bin answers get-redirect 3
gives 8 'b"418" in err' open-cli bin answers get-status 418
gives 9 'b"500" in err' open-cli bin answers get-status 500

# A life of a file at Jupyter, whose token is not the command line's to know.
gives 0 'doc["version"] == "2.21.1"' open-cli jupyter server get-version
gives 0 'doc["connections"] == 0 and "kernels" in doc' open-cli jupyter server get-status
gives 0 'doc["path"] == "notes.txt" and doc["writable"]' open-cli jupyter contents save-contents notes.txt \
    --body '{"type":"file","format":"text","content":"hello\n"}'
[[ $(cat notebooks/notes.txt) == hello ]] || fail "the file does not hold what was sent"
gives 0 'doc["content"] == "hello\n"' open-cli jupyter contents get-contents notes.txt --type file
gives 0 'doc["content"] is None' open-cli jupyter contents get-contents notes.txt --content 0
gives 0 '"id" in doc' open-cli jupyter checkpoints create-checkpoint notes.txt
gives 0 'len(doc) == 1' open-cli jupyter checkpoints list-checkpoints notes.txt
gives 0 'doc["name"] == "new name.txt"' open-cli jupyter contents rename-contents notes.txt --body '{"path":"new name.txt"}'
gives 8 'b"404" in err' open-cli jupyter contents get-contents notes.txt
gives 7 'b"--approval" in err' open-cli jupyter contents delete-contents 'new name.txt'
[[ -e 'notebooks/new name.txt' ]] || fail "a call without approval removed the file"
gives 0 'out == b""' open-cli jupyter contents delete-contents 'new name.txt' --approval
[[ ! -e 'notebooks/new name.txt' ]] || fail "the file is still there"
gives 2 'b"content" in err' open-cli jupyter contents get-contents x --content 2

# What is shown of a call holds no credential, nor does anything that is kept.
gives 0 'b"<token>" in out and b"s3cret" not in out' open-cli jupyter server get-status --dry-run=http
kill -TERM "${pids[2]}"
wait "${pids[2]}" || fail "the toolbox did not stop cleanly"
unset 'pids[2]'
if grep -rl 's3cret' toolbox.log state cache 2>/dev/null; then fail "a secret was kept"; fi
gives 0 'b"records" in out' open-cli audit verify state/open-cli/instances/servers/audit.log
echo "servers: $checks commands did what they should"
