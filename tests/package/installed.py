"""The life of the package on one machine: installed, started as its unit says, asked, reloaded, upgraded over itself under
load, removed, purged. Runs as root in the scratch copy that installed.sh makes; the service manager is this script."""
import glob
import hashlib
import hmac
import http.client
import json
import os
import pwd
import re
import shlex
import signal
import socket
import stat
import subprocess
import threading
import time

SAFETY = 120  # seconds; for the slowest machine, nothing waits this long to pass
SECRET = "whsec_of_the_package_test"
PACKAGE = glob.glob("/package/modhost_*.deb")[0]
DEV_PACKAGE = glob.glob("/package/modhost-dev_*.deb")[0]
UNIT = "/usr/lib/systemd/system/modhost.service"
STATE = "/var/lib/modhost"


def run(*command, code=0):
    done = subprocess.run(command, capture_output=True, text=True)
    words = done.stdout + done.stderr
    assert done.returncode == code, f"{command} returned {done.returncode}:\n{words}"
    return words


def eventually(holds, what):
    end = time.monotonic() + SAFETY
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def installed_files_are_right():
    user = pwd.getpwnam("modhost")
    env = os.stat("/etc/modhost/.env")
    assert stat.S_IMODE(env.st_mode) == 0o640 and env.st_uid == 0 and env.st_gid == user.pw_gid, env
    state = os.stat(STATE)
    assert stat.S_IMODE(state.st_mode) == 0o700 and state.st_uid == user.pw_uid, state
    assert "/etc/modhost/modules.yaml" in run("dpkg-query", "-W", "-f=${Conffiles}", "modhost")
    words = run("runuser", "-u", "modhost", "--", "modhost", "check", "-c", "/etc/modhost/modules.yaml", code=2)
    assert "UNIQUE_ENDPOINT_SECRET" in words and words.count("\n") == 1, words


class Unit:
    """What the unit says, each key with all its values."""

    def __init__(self):
        self.values = {}
        with open(UNIT) as lines:
            for line in lines:
                if match := re.match(r"(\w+)=(.*)", line):
                    self.values.setdefault(match[1], []).append(match[2])

    def one(self, key):
        assert len(self.values[key]) == 1, key
        return self.values[key][0]

    def sandboxed(self):
        """The unit's command line, confined as far as mounts and setpriv do what systemd does."""
        assert self.one("NoNewPrivileges") == "yes" and self.one("CapabilityBoundingSet") == ""
        assert self.one("ProtectSystem") == "strict" and self.one("PrivateTmp") == "yes"
        folder = "/var/lib/" + self.one("StateDirectory")
        user = self.one("User")
        inner = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs",
                 "--bounding-set=-all", "--inh-caps=-all"] + shlex.split(self.one("ExecStart"))
        mounts = (f"mount --bind {folder} {folder} && mount -o remount,bind,ro / && "
                  f"mount -t tmpfs -o mode=1777 private /tmp && cd {self.one('WorkingDirectory')} && ")
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                f"umask {self.one('UMask')}; ulimit -n {self.one('LimitNOFILE')} 2>/dev/null || true; {mounts}"
                f"export LISTEN_PID=$$; exec {shlex.join(inner)}"]

    def environment(self):
        return dict(pair.split("=", 1) for pair in self.values["Environment"])


class Service:
    """The service manager of one unit: the socket it hands over, the socket it is notified at, the log."""

    def __init__(self):
        self.unit = Unit()
        self.webhook = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.webhook.getsockname()[1]
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind("/run/notify")
        os.chmod("/run/notify", 0o777)
        self.notified.settimeout(1)
        self.log = open("/package/log", "ab")
        self.child = None

    def await_word(self, word):
        def came():
            try:
                return word in self.notified.recv(4096).decode().splitlines()
            except TimeoutError:
                assert self.child.poll() is None, f"the host has ended before {word}"
                return False

        eventually(came, word)

    def start(self):
        def hand_over():
            os.dup2(self.webhook.fileno(), 3)
            os.set_inheritable(3, True)  # the socket may have been descriptor 3 itself

        environment = dict(self.unit.environment(), PATH=os.environ["PATH"], NOTIFY_SOCKET="/run/notify",
                           LISTEN_FDS="1", LISTEN_FDNAMES="webhook", MODHOST_ADMIN="127.0.0.1:0")
        self.child = subprocess.Popen(self.unit.sandboxed(), env=environment, stderr=self.log, stdout=self.log,
                                      close_fds=False, preexec_fn=hand_over)
        self.await_word("READY=1")

    def reload(self):
        command = self.unit.one("ExecReload").replace("$MAINPID", str(self.child.pid))
        run(*shlex.split(command))
        self.await_word("RELOADING=1")
        self.await_word("READY=1")

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.await_word("STOPPING=1")
        assert self.child.wait(SAFETY) == 0, self.child.returncode

    def said(self):
        with open("/package/log") as log:
            return log.read()


def post_event(port, event_id):
    """Posts one signed event; the answer's status."""
    body = json.dumps({"id": event_id, "event": "unique.chat.user-message.created", "userId": "u", "companyId": "c",
                       "payload": {"chatId": f"chat_{event_id}", "text": "hello"}})
    headers = {"X-Unique-Signature": hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest(),
               "X-Unique-Created-At": str(int(time.time()))}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SAFETY)
    try:
        connection.request("POST", "/webhook", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


class Load:
    """Posts signed events one after the other until it is stopped, each again until it is acknowledged."""

    def __init__(self, port):
        self.port, self.acked, self.refused, self.more = port, [], 0, True
        self.threads = [threading.Thread(target=self.post_all, args=(i,), daemon=True) for i in range(4)]
        for thread in self.threads:
            thread.start()

    def post_all(self, sender):
        number = 0
        while self.more:
            number += 1
            event_id = f"evt_{sender}_{number}"
            if self.post(event_id):
                self.acked.append(event_id)

    def post(self, event_id):
        while self.more:
            try:
                status = post_event(self.port, event_id)
            except OSError as error:  # cut by the old host's end
                self.refused += isinstance(error, ConnectionRefusedError)
                continue
            if status == 200:
                return True
            assert status == 503, status
        return False

    def stop(self):
        self.more = False
        for thread in self.threads:
            thread.join()


def recorded():
    """The ids of the events that message-logger has recorded."""
    with open(f"{STATE}/message-log.jsonl") as lines:
        return {json.loads(line)["eventId"] for line in lines}


def start_sandbox(port, *options):
    """The platform: answers the module's calls, and posts to the service."""
    log = open("/package/sandbox", "wb")
    child = subprocess.Popen(["modhost", "sandbox", "/package", "--listen", "127.0.0.1:0", "--webhook",
                              f"http://127.0.0.1:{port}/webhook", *options], stdout=log, stderr=log,
                             env=dict(os.environ, UNIQUE_ENDPOINT_SECRET=SECRET))
    found = []

    def ready():
        with open("/package/sandbox") as text:
            found.extend(re.findall(r"sandbox ready on (http://\S+?)/?\s", text.read()))
        return found

    eventually(ready, "the sandbox is ready")
    return child, found[0]


def pretend_systemd():
    """What the maintainer scripts tell systemctl stands in /run/systemctl afterwards."""
    os.makedirs("/run/systemd/system")
    with open("/usr/local/bin/systemctl", "w") as script:
        script.write('#!/bin/sh\necho "$*" >>/run/systemctl\n')
    os.chmod("/usr/local/bin/systemctl", 0o755)


def told_systemctl():
    with open("/run/systemctl") as lines:
        told = lines.read().splitlines()
    os.remove("/run/systemctl")
    return told


def main():
    pretend_systemd()
    run("dpkg", "-i", PACKAGE, DEV_PACKAGE)
    assert told_systemctl() == ["daemon-reload"]
    installed_files_are_right()

    service = Service()
    sandbox, sandbox_url = start_sandbox(service.port)
    with open("/etc/modhost/.env", "w") as env:
        env.write(f"UNIQUE_ENDPOINT_SECRET={SECRET}\nUNIQUE_API_KEY=key_of_the_package_test\nUNIQUE_APP_ID=app\n"
                  f"UNIQUE_API_BASE={sandbox_url}\n")
    run("runuser", "-u", "modhost", "--", "modhost", "check", "-c", "/etc/modhost/modules.yaml")
    service.start()
    answer = run("modhost", "ask", "What does the inbox promise?", "--sandbox", sandbox_url)
    assert "The documents say" in answer, answer
    service.reload()
    assert "reloaded" in service.said(), service.said()

    with open("/etc/modhost/modules.yaml", "a") as yaml:
        yaml.write("# an operator's own line\n")
    load = Load(service.port)
    eventually(lambda: len(load.acked) > 50, "events are acknowledged before the upgrade")
    run("dpkg", "--force-confold", "-i", PACKAGE)
    assert told_systemctl() == ["daemon-reload", "daemon-reload", "try-restart modhost.service"]
    service.stop()
    service.start()
    before = len(load.acked)
    eventually(lambda: len(load.acked) > before + 50, "events are acknowledged after the upgrade")
    load.stop()
    eventually(lambda: set(load.acked) <= recorded(), "all that was acknowledged is delivered")
    with open("/etc/modhost/modules.yaml") as yaml, open("/etc/modhost/.env") as env:
        assert "operator's own line" in yaml.read() and SECRET in env.read()
    assert SECRET not in service.said() and "key_of_the_package_test" not in service.said()
    service.stop()
    sandbox.terminate()
    sandbox.wait()

    run("dpkg", "-r", "modhost")
    assert told_systemctl() == ["disable --quiet --now modhost.socket modhost.service", "daemon-reload"]
    assert os.path.exists(f"{STATE}/inbox.db") and os.path.exists("/etc/modhost/.env")
    run("dpkg", "-P", "modhost", "modhost-dev")
    left = [path for path in ("/etc/modhost", STATE, "/usr/lib/modhost", "/usr/share/modhost", "/usr/bin/modhost",
                              "/usr/include/modhost", "/usr/share/doc/modhost", UNIT) if os.path.exists(path)]
    assert not left, left
    assert "modhost" not in [user.pw_name for user in pwd.getpwall()]
    print(f"{len(load.acked)} events were acknowledged, {before} of them before the upgrade; none is missing")


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        for name in ("log", "sandbox"):
            if os.path.exists(f"/package/{name}"):
                with open(f"/package/{name}", errors="replace") as text:
                    print(f"--- {name}\n{text.read()[-4000:]}")
        raise
