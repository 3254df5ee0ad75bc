#!/usr/bin/env python3
"""Runs clang-tidy over the sources of the compilation database, in parallel.

A file that passed is not looked at again until it, a project header that it includes, its compile
command or the checks change. Which headers a file includes is what ninja noted when it compiled it;
a file that was never compiled depends on every header. Files in tools/lint_debt.txt are looked at and
their findings shown, but do not fail: they came in one day and are to be mended; the list may only
get shorter. What passed is remembered for all checkouts
of this repository, as ccache remembers objects: paths count relative to the checkout.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("src", "cli", "tests", "examples")
TIDY = "clang-tidy-14"
# g++ knows warnings that clang does not.
EXTRA = ["--quiet", "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-unused-command-line-argument"]


def checked_entries(build):
    """One entry of the database for each source of ours; generated code lies in the build folder."""
    entries = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        ours = any(path.is_relative_to(ROOT / folder) for folder in FOLDERS)
        if ours and path.suffix == ".cpp":
            entries.setdefault(path, entry)
    return entries


def noted_headers(build):
    """Object file -> project files it was made from, as ninja noted them."""
    text = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True).stdout
    headers, current = {}, None
    for line in text.splitlines():
        if line.startswith("    "):
            path = (build / line.strip()).resolve()
            if current is not None and path.is_relative_to(ROOT):
                current.append(path)
        elif ": #deps" in line:
            current = headers.setdefault(line.split(": #deps")[0], [])
    return headers


class Hasher:
    def __init__(self, build):
        self.contents = {}
        self.headers = noted_headers(build)
        self.all_headers = sorted(p for f in (*FOLDERS, "include") for p in (ROOT / f).rglob("*.h"))
        version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
        self.common = hashlib.sha256(version + "".join(EXTRA).encode()).digest()

    def content(self, path):
        if path not in self.contents:
            data = path.read_bytes() if path.is_file() else b""
            self.contents[path] = hashlib.sha256(data).digest()
        return self.contents[path]

    def key(self, path, entry):
        made_from = self.headers.get(entry.get("output") or object_of(entry)) or self.all_headers
        configs = [folder / ".clang-tidy" for folder in path.parents if folder.is_relative_to(ROOT)]
        digest = hashlib.sha256(self.common + entry["command"].replace(f"{ROOT}/", "").encode())
        for part in (path, *configs, *sorted(made_from)):
            digest.update(str(part.relative_to(ROOT)).encode() + self.content(part))
        return digest.hexdigest()


def object_of(entry):
    words = entry["command"].split()
    return words[words.index("-o") + 1] if "-o" in words else ""


def check(build, path):
    start = time.monotonic()
    result = subprocess.run([TIDY, "-p", build, *EXTRA, path], capture_output=True, text=True)
    output = result.stdout + (result.stderr if result.returncode and not result.stdout else "")
    return result.returncode == 0, output, time.monotonic() - start


FINDING = re.compile(r"^(?=\S+:\d+:\d+: (?:error|warning): )", re.MULTILINE)


def unseen(output, seen):
    """The findings in `output` that no other file has shown: headers are read by many."""
    findings = [f for f in FINDING.split(output.replace(f"{ROOT}/", "")) if f.strip()]
    fresh = [f for f in findings if f not in seen]
    seen.update(fresh)
    return "".join(fresh)


def forget_old(cache):
    """Drops what passed over 30 days ago. Other checkouts may drop the same at the same time."""
    for entry in cache.iterdir():
        try:
            if entry.stat().st_mtime < time.time() - 30 * 86400:
                entry.unlink()
        except FileNotFoundError:
            pass


def default_cache():
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home, "pome-lint")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--cache", type=pathlib.Path, default=default_cache())
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--times", action="store_true", help="print what each file cost")
    parser.add_argument("files", nargs="*", help="look only at files whose path contains one of these")
    options = parser.parse_args()
    build = options.build.resolve()
    options.cache.mkdir(parents=True, exist_ok=True)

    hasher = Hasher(build)
    entries = {p: e for p, e in checked_entries(build).items()
               if not options.files or any(f in str(p) for f in options.files)}
    keys = {path: hasher.key(path, entry) for path, entry in entries.items()}
    todo = [path for path in entries if not (options.cache / keys[path]).exists()]
    debt = set((ROOT / "tools/lint_debt.txt").read_text().split())
    failed, owed, seen = 0, 0, set()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(check, build, path): path for path in todo}
        for done in concurrent.futures.as_completed(running):
            path = running[done]
            passed, output, seconds = done.result()
            if options.times:
                print(f"{seconds:6.1f} s  {path.relative_to(ROOT)}")
            if passed:
                (options.cache / keys[path]).touch()
            elif str(path.relative_to(ROOT)) in debt:
                owed += 1
                print(unseen(output, seen), end="", flush=True)
            else:
                failed += 1
                print(unseen(output, seen), end="", flush=True)
    forget_old(options.cache)
    print(f"clang-tidy: {len(todo)} of {len(entries)} files looked at, "
          f"{len(entries) - len(todo)} unchanged since they passed, {failed} with findings, "
          f"{owed} with findings that tools/lint_debt.txt owes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
