"""What the results were measured on."""

import os
import platform
import time

from tools import versions


def field_of(path, name, separator):
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                key, _, value = line.partition(separator)
                if key.strip() == name:
                    return value.strip().strip('"')
    except OSError:
        pass
    return "?"


def describe(dse):
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "cpu": field_of("/proc/cpuinfo", "model name", ":"), "cpus": os.cpu_count(),
            "memory_gib": memory, "kernel": platform.release(),
            "system": field_of("/etc/os-release", "PRETTY_NAME", "="),
            "load": f"{os.getloadavg()[0]:.1f}",
            "versions": versions(dse)}
