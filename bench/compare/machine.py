"""machine.py: what the numbers were measured on, and when."""

import datetime
import os
import platform


def cpu_fields():
    try:
        with open("/proc/cpuinfo") as info:
            lines = [line.split(":", 1) for line in info.read().split("\n\n")[0].splitlines() if ":" in line]
        return {name.strip(): value.strip() for name, value in lines}
    except OSError:
        return {}


def instruction_sets(words):
    known = ("ssse3", "avx2", "fma", "avx512f", "avx512bw", "avx512vbmi", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "sve")
    return " ".join(name for name in known if name in words.split())


def flags():
    """What the processor can do, in the kernel's words."""
    cpu = cpu_fields()
    return cpu.get("flags", cpu.get("Features", ""))


def kind():
    """In the names of what is published, so that machines of different kinds stand side by side: avx512, avx2, asimd ..."""
    known = instruction_sets(flags()).split()
    for name in ("sve", "asimd", "avx512", "avx2", "ssse3"):
        if any(have.startswith(name) for have in known):
            return name
    return platform.machine()


def memory_gb():
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (OSError, ValueError):
        return 0


def os_name():
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def model():
    cpu = cpu_fields()
    name = cpu.get("model name", platform.machine())
    return name + (" (family %s, model %s)" % (cpu.get("cpu family"), cpu["model"]) if "model" in cpu else "")


def describe():
    """[(name, value)]"""
    return [("machine", "%s, %d cores, %.0f GB" % (model(), os.cpu_count(), memory_gb())),
            ("instruction sets", instruction_sets(flags())),
            ("system", "%s, Linux %s" % (os_name(), platform.release().split("-")[0])),
            ("load before", "%.1f" % os.getloadavg()[0]),
            ("date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"))]
