#!/usr/bin/env bash
# huggingface_hub sends the name of the program that called it. For that it downloads a list of such programs and of the
# environment variables by which they are recognised, before the first request of a process, and keeps it for a day.
#
# Versions: huggingface_hub 2.4.0; CPython 3.11, Linux x86-64.
# Seen with one call, get_hf_file_metadata, where the server's list names the variable SOME_AGENT, which is set:
#   GET /api/agent-harnesses                      an additional request that nobody asked for
#   HEAD /a/b/resolve/main/c   User-Agent: unknown/None; hf_hub/2.4.0; python/3.11.7; agent/some-agent
#   and a new file ~/.cache/huggingface/.agent_harnesses.json.
#   Where torch or TensorFlow is installed, its version is in the User-Agent too.
# Seen with HF_HUB_DISABLE_TELEMETRY=1: the HEAD request alone, without the agent and the frameworks, and no file.
#
# The server here is a local one. Exits with 0 if all of this is so, otherwise with 1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check huggingface_hub==2.4.0

cat >"$folder/observe.py" <<'PYTHON'
import http.server, json, os, pathlib, subprocess, sys, tempfile, threading

seen = []


class Hub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append((self.command, self.path, self.headers["User-Agent"]))
        programs = {"standardEnvVars": [], "harnesses": {"some-agent": {"envVars": {"SOME_AGENT": "*"}}}}
        body = json.dumps(programs).encode() if self.path == "/api/agent-harnesses" else b""
        self.send_response(200)
        for name, value in {"Content-Length": len(body), "ETag": '"x"', "X-Repo-Commit": "c" * 40}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
CALL = "from huggingface_hub import get_hf_file_metadata, hf_hub_url; get_hf_file_metadata(hf_hub_url('a/b', 'c'))"


def observe(**variables):
    """The requests of one call, as method, path and whether the agent is named, and the files it leaves."""
    seen.clear()
    with tempfile.TemporaryDirectory() as home:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        environment = {"PATH": os.environ["PATH"], "HOME": home, "HF_ENDPOINT": address, "SOME_AGENT": "1", **variables}
        subprocess.run([sys.executable, "-c", CALL], env=environment, check=True)
        files = sorted(str(one.relative_to(home)) for one in pathlib.Path(home).rglob("*") if one.is_file())
    print(variables, *seen, files, sep="\n  ")
    return [(method, path, "agent/some-agent" in agent) for method, path, agent in seen], files


asked, head = ("GET", "/api/agent-harnesses", False), "/a/b/resolve/main/c"
as_it_comes = observe() == ([asked, ("HEAD", head, True)], [".cache/huggingface/.agent_harnesses.json"])
switched_off = observe(HF_HUB_DISABLE_TELEMETRY="1") == ([("HEAD", head, False)], [])
same = as_it_comes and switched_off
print("as described" if same else "the behaviour has changed")
sys.exit(not same)
PYTHON
"$folder/venv/bin/python" "$folder/observe.py"
