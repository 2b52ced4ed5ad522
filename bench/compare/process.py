"""process.py: a system as a process that answers questions, and the ways it can fail."""

import json
import os
import select
import signal
import subprocess
import time

# What is set here for another program would slow the BLAS of the systems; blas.py finds what they get.
NOT_FOR_SYSTEMS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


class Failed(Exception):
    """The system crashed, hung or answered nonsense: it will answer no more."""


class Refused(Exception):
    """The system said that it cannot do this; it goes on."""


def environment(threads, own=()):
    """own: variables of this system alone."""
    env = {name: value for name, value in os.environ.items() if name not in NOT_FOR_SYSTEMS}
    env.update({name: str(threads) for name in THREAD_VARIABLES})
    env.update(own)
    return env


class Process:
    """One system. Its stderr goes to the file `log`."""

    def __init__(self, command, log, threads=1, cwd=None, own=()):
        self.log = log
        self.waiting = b""
        with open(log, "wb") as errors:
            self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                          env=environment(threads, own), cwd=cwd)

    def ask(self, question, timeout):
        """The answer. Failed: no answer in `timeout` seconds (the process is ended then), or none at all; Refused."""
        try:
            self.child.stdin.write((json.dumps(question) + "\n").encode())
            self.child.stdin.flush()
        except OSError:
            raise Failed(self.death()) from None
        line = self.line(time.monotonic() + timeout, timeout)
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            self.end()
            raise Failed("its answer is no JSON object: %.80r" % line)
        if "error" in answer:
            raise Refused(str(answer["error"]))
        return answer

    def line(self, deadline, timeout):
        pipe = self.child.stdout
        while b"\n" not in self.waiting:
            if not select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
                self.end()
                raise Failed("timed out: no answer in %g s" % timeout)
            more = os.read(pipe.fileno(), 65536)
            if not more:
                raise Failed(self.death())
            self.waiting += more
        line, self.waiting = self.waiting.split(b"\n", 1)
        return line.decode(errors="replace")

    def death(self):
        code = self.child.wait()
        with open(self.log, errors="replace") as log:
            said = [line.strip() for line in log if line.strip()][-1:]
        how = "crashed: %s" % signal.Signals(-code).name if code < 0 else "exited with code %d" % code
        return ": ".join([how] + said)

    def end(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()
