"""What the units promise, under a real systemd: ready, confined, reloaded, restarted after a kill and a hang, drained,
exchanged under load, removed. Runs as root, as a service of the scratch system that under_systemd.sh boots."""
import glob
import mmap
import os
import pwd
import re
import signal
import socket
import subprocess
import sys

from installed import DEV_PACKAGE, PACKAGE, SECRET, STATE, Load, eventually, installed_files_are_right, post_event
from installed import recorded, run, start_sandbox

PORT = 8080  # modhost.socket's
ADMIN = "http://127.0.0.1:9090"  # what the package configures
YAML = "/etc/modhost/modules.yaml"
DROP_IN = "/etc/systemd/system/modhost.service.d/{}.conf"
QUESTION = "What does the inbox promise?"
API_KEY = "key_of_the_package_test"


def shown(key, unit="modhost.service"):
    return run("systemctl", "show", "-P", key, unit).strip()


def main_pid():
    return int(shown("MainPID"))


def is_active():
    return shown("ActiveState") == "active"


def journal(*only):
    run("journalctl", "--sync")
    return run("journalctl", "--no-pager", "-o", "cat", *only)


def said():
    """What the host has said since it was started."""
    return journal(f"_SYSTEMD_INVOCATION_ID={shown('InvocationID')}")


def drop_in(name, *lines):
    path = DROP_IN.format(name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as text:
        text.write("\n".join(("[Service]",) + lines) + "\n")
    run("systemctl", "daemon-reload")


def drop_out(name):
    os.remove(DROP_IN.format(name))
    run("systemctl", "daemon-reload")


def configure(sandbox_url):
    with open("/etc/modhost/.env", "w") as env:
        env.write(f"UNIQUE_ENDPOINT_SECRET={SECRET}\nUNIQUE_APP_ID=app\nUNIQUE_API_BASE={sandbox_url}\n")


def change_yaml(old, new):
    with open(YAML) as text:
        yaml = text.read()
    assert old in yaml, old
    with open(YAML, "w") as text:
        text.write(yaml.replace(old, new, 1))


def ask(sandbox_url):
    answer = run("modhost", "ask", QUESTION, "--sandbox", sandbox_url)
    assert "The documents say" in answer, answer


def starts(sandbox_url):
    run("systemctl", "enable", "--now", "modhost.socket", "modhost.service")
    assert is_active() and "app: ready" in said(), said()
    assert "UNIQUE_API_KEY from a credential" in said(), said()
    ask(sandbox_url)


def cannot_do_from_within():
    """Run by systemd beside the host, confined as it is: what the unit forbids is refused."""
    def refused(what, attempt):
        try:
            attempt()
        except OSError:
            return
        raise AssertionError(f"{what} is possible")

    open(f"{STATE}/mine", "w").close()
    refused("a set-user-ID file", lambda: os.chmod(f"{STATE}/mine", 0o4700))
    os.remove(f"{STATE}/mine")
    refused("a system call of @resources", lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)))
    refused("a socket to the kernel", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
    refused("memory to write and execute",
            lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC))
    assert subprocess.run(["unshare", "--user", "true"], stderr=subprocess.DEVNULL).returncode != 0, "a namespace"


def status_of(pid):
    with open(f"/proc/{pid}/status") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def is_confined():
    """The host and its workers, as the kernel sees them and as they see the machine."""
    user = pwd.getpwnam("modhost").pw_uid
    with open(f"/sys/fs/cgroup{shown('ControlGroup')}/cgroup.procs") as pids:
        processes = pids.read().split()
    assert len(processes) >= 2 and str(main_pid()) in processes, processes
    for pid in processes:
        status = status_of(pid)
        assert status["Uid"].split() == [str(user)] * 4, status
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and int(status["CapBnd"], 16) == 0, status
        with open(f"/proc/{pid}/uid_map") as users:
            assert len(users.read().splitlines()) == 2, "PrivateUsers: root and itself"

    def seen(*command):
        return run("nsenter", "--mount", "-t", str(main_pid()), *command)

    with open(f"/proc/{main_pid()}/mountinfo") as lines:
        mounts = {words[4]: words[5].split(",") for words in map(str.split, lines)}
    assert "ro" in mounts["/"] and "rw" in mounts[STATE] and "ro" in mounts["/sys/fs/cgroup"], mounts
    for path in ("/usr/bin/x", "/etc/modhost/x", "/var/x", "/srv/x"):
        assert "Read-only file system" in run("nsenter", "--mount", "-t", str(main_pid()), "touch", path, code=1)
    os.makedirs("/home/somebody", exist_ok=True)
    assert seen("ls", "-A", "/home", "/root").split() == ["/home:", "/root:"]
    assert seen("ls", "-A", "/tmp") == "" and os.listdir("/tmp"), "PrivateTmp"
    with open("/dev/of-the-machine", "w"):
        assert "of-the-machine" not in seen("ls", "/dev"), "PrivateDevices"
    assert "cpuinfo" not in seen("ls", "/proc").split(), "ProcSubset=pid"


def reloads(sandbox_url):
    change_yaml("timeout: 120s", "timeout: 90s")
    run("systemctl", "reload", "modhost")
    eventually(lambda: "replaced=rag-responder" in said(), "the changed module is taken over")
    eventually(is_active, "the reload is over")
    ask(sandbox_url)

    change_yaml("timeout: 90s", "timeouts: 90s")
    before = shown("StateChangeTimestampMonotonic")
    words = run("modhost", "reload", "--admin", ADMIN, code=2)
    assert "timeouts" in words, words
    eventually(is_active, "the refused reload is over")
    assert shown("StateChangeTimestampMonotonic") != before, "systemd has not heard of a reload it did not ask for"
    change_yaml("timeouts: 90s", "timeout: 90s")
    ask(sandbox_url)


def restarts_after_a_kill(sandbox_url):
    """Who posts while there is no host is answered by the next one."""
    old = main_pid()
    os.kill(old, signal.SIGKILL)
    eventually(lambda: main_pid() != old, "systemd has seen the end")
    assert post_event(PORT, "evt_between_two_hosts") == 200
    eventually(is_active, "the next host is ready")
    assert shown("NRestarts") == "1", shown("NRestarts")
    eventually(lambda: "evt_between_two_hosts" in recorded(), "the event is delivered")
    ask(sandbox_url)


def restarts_after_a_hang(sandbox_url):
    drop_in("watchdog", "WatchdogSec=5s")
    run("systemctl", "restart", "modhost")
    old = main_pid()
    os.kill(old, signal.SIGSTOP)
    eventually(lambda: main_pid() not in (0, old) and is_active(), "the hung host is replaced")
    assert "Watchdog timeout" in journal("-u", "modhost")
    ask(sandbox_url)
    drop_out("watchdog")


def drains():
    """A stop ends no delivery that runs, though it takes longer than the unit's TimeoutStopSec."""
    drop_in("patience", "TimeoutStopSec=1s")
    slow, url = start_sandbox(PORT, "--llm-latency", "3s", "--verbose")
    configure(url)
    run("systemctl", "restart", "modhost")
    question = subprocess.Popen(["modhost", "ask", QUESTION, "--sandbox", url], stdout=subprocess.PIPE, text=True)

    def is_asked():
        with open("/package/sandbox") as log:
            return "/search/search" in log.read()

    eventually(is_asked, "the module is at work")
    invocation = shown("InvocationID")
    run("systemctl", "stop", "modhost.socket", "modhost.service")
    answer = question.communicate()[0]
    words = journal(f"_SYSTEMD_INVOCATION_ID={invocation}")
    assert question.returncode == 0 and "The documents say" in answer, answer + words
    assert "worker ended" not in words and "app: stopped" in words, words
    assert shown("Result") == "success" and shown("ExecMainStatus") == "0", shown("Result")
    drop_out("patience")
    slow.terminate()
    slow.wait()


def is_exchanged_under_load():
    run("systemctl", "start", "modhost.socket", "modhost.service")
    with open(YAML, "a") as yaml:
        yaml.write("# an operator's own line\n")
    load = Load(PORT)
    eventually(lambda: len(load.acked) > 50, "events are acknowledged before the upgrade")
    old = main_pid()
    run("dpkg", "--force-confold", "-i", PACKAGE)
    assert main_pid() not in (0, old) and is_active()
    before = len(load.acked)
    eventually(lambda: len(load.acked) > before + 50, "events are acknowledged after the upgrade")
    load.stop()
    assert load.refused == 0, f"{load.refused} connections were refused"
    eventually(lambda: set(load.acked) <= recorded(), "all that was acknowledged is delivered")
    print(f"{len(load.acked)} events were acknowledged, {before} of them before or during the upgrade; none is missing")


def gives_up_on_a_refused_configuration(sandbox_url):
    """Whoever waits is let go after a while, and one command starts all again once the file is mended."""
    change_yaml("timeout: 90s", "timeouts: 90s")
    # As many starts as it allows, however long a slow machine takes for them.
    limit = DROP_IN.format("limit").replace("modhost.service.d", "modhost.socket.d")
    os.makedirs(os.path.dirname(limit), exist_ok=True)
    with open(limit, "w") as text:
        text.write("[Socket]\nTriggerLimitIntervalSec=1h\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "modhost", code=1)
    assert shown("ExecMainStatus") == "2" and shown("NRestarts") == "0"
    try:
        post_event(PORT, "evt_to_nobody")
    except OSError:
        pass
    eventually(lambda: shown("ActiveState", "modhost.socket") == "failed", "the socket gives up")
    change_yaml("timeouts: 90s", "timeout: 90s")
    os.remove(limit)
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "modhost.socket", "modhost.service")
    ask(sandbox_url)


def is_removed():
    run("dpkg", "-r", "modhost")
    assert shown("ActiveState") == "inactive" and shown("ActiveState", "modhost.socket") == "inactive"
    assert "modhost" not in run("systemctl", "list-units", "--all", "--plain", "--no-legend", "modhost*")
    assert os.path.exists(f"{STATE}/inbox.db") and os.path.exists("/etc/modhost/.env")
    run("dpkg", "-P", "modhost", "modhost-dev")
    units = [path for folder in ("/etc/systemd", "/usr/lib/systemd")
             for path in glob.glob(f"{folder}/system/**/modhost.s*", recursive=True)]
    left = [path for path in units if not os.path.isdir(path)]  # the drop-ins of an operator stay
    assert not left, left
    assert not os.path.exists("/etc/modhost") and not os.path.exists(STATE)


def main():
    run("dpkg", "-i", PACKAGE, DEV_PACKAGE)
    installed_files_are_right()
    with open("/package/key", "w") as key:
        key.write(API_KEY)
    drop_in("secret", "LoadCredential=UNIQUE_API_KEY:/package/key")
    drop_in("within", f"ExecStartPost=/usr/bin/python3 {__file__} within")
    sandbox, url = start_sandbox(PORT)
    configure(url)
    starts(url)
    drop_out("within")
    is_confined()
    reloads(url)
    restarts_after_a_kill(url)
    restarts_after_a_hang(url)
    drains()
    configure(url)
    is_exchanged_under_load()
    gives_up_on_a_refused_configuration(url)
    words = journal()
    assert SECRET not in words and API_KEY not in words
    assert not re.search(r"modhost\.(service|socket):\d+: ", words), words
    is_removed()
    sandbox.terminate()
    sandbox.wait()


if __name__ == "__main__":
    try:
        cannot_do_from_within() if sys.argv[1:] == ["within"] else main()
    except BaseException:
        if sys.argv[1:]:
            raise
        print(f"--- journal\n{journal()[-6000:]}", flush=True)
        raise
